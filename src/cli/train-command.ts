import type { Command } from 'commander';
import { openDevice } from './device-option.ts';
import { addTrainOptions, type TrainFlags } from './train-options.ts';
import { trainCharacters } from './training-run.ts';

const notes = `
A text is read as characters and cut into --batch streams; a training step reads --sequence
characters of each and updates the weights. Stop with Ctrl-C: the steps under way finish, the
checkpoint is saved, and --resume goes on as if nothing had happened. A second Ctrl-C stops at once.

Examples:
  $ gatefold train --text book.txt --cell gru --reset before --hidden 256 --steps 2000
  $ gatefold train --layers 2 --embedding 64 --dropout 0.2 --save-every 200
  $ gatefold train --resume checkpoints/lstm.safetensors --steps 4000`;

/** Adds `gatefold train`. */
export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('Trains a character model on a text.')
    .addHelpText('after', notes);
  addTrainOptions(command).action(async (flags: TrainFlags) => {
    using open = await openDevice(flags.device);
    process.exitCode = await trainCharacters({
      open,
      flags,
      command,
      output: process.stdout,
    });
  });
}
