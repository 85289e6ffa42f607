import type { Command } from 'commander';
import { openDevice } from './device-option.ts';
import { trainHello } from './hello.ts';
import { addTrainOptions, type TrainFlags } from './train-options.ts';
import { trainCharacters } from './training-run.ts';

/** Minutes of the character job, unless flags make it a job of its own length. */
const minutes = 2;

const notes = `
First trains a vanilla RNN to continue 'hell' by 'ello', which takes a second or two. Then runs
'gatefold train' with the flags given; without --steps and --time-limit it ends after ${minutes} minutes
at the latest.

Examples:
  $ gatefold start
  $ gatefold start --text book.txt --cell gru --hidden 256 --layers 2 --steps 2000`;

/** Adds `gatefold start`, the job of `npm start`. */
export function addStartCommand(program: Command): void {
  const command = program
    .command('start')
    .description("Trains 'hello', then a character model on a real text.")
    .addHelpText('after', notes);
  addTrainOptions(command).action(async (flags: TrainFlags) => {
    const isLengthGiven = command.getOptionValueSource('steps') === 'cli';
    using open = await openDevice(flags.device);
    console.log(`${await trainHello(open)}\n`);
    process.exitCode = await trainCharacters({
      open,
      flags,
      command,
      output: process.stdout,
      ...(!isLengthGiven && { defaultTimeLimit: minutes }),
    });
  });
}
