import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { formatParserMessage } from './failure.ts';
import { addInfoCommand } from './info-command.ts';
import { addParityCommand } from './parity-command.ts';
import { addSampleCommand } from './sample-command.ts';
import { addStartCommand } from './start-command.ts';
import { addTrainCommand } from './train-command.ts';
import { addTuneCommand } from './tune-command.ts';

const notes = `
Examples:
  $ gatefold train --text book.txt --cell gru --hidden 256 --steps 2000
  $ gatefold sample checkpoints/gru.safetensors --prompt "The " --length 400
  $ gatefold info
  $ gatefold parity cases/ --filter lstm

Exit codes: 0 done; 1 a parity case failed or training diverged; 2 wrong usage, an unreadable
file or no adapter; 130 and 143 stopped by Ctrl-C or SIGTERM after saving the checkpoint.

Environment: GATEFOLD_ADAPTER=auto|hardware|software chooses the adapter where --device does
not; GATEFOLD_DEBUG=1 shows where an error comes from.`;

function readVersion(): string {
  // The same path from src/cli and from dist/cli.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** The `gatefold` command with all its subcommands. Errors are thrown, never `process.exit`ed. */
export function createProgram(): Command {
  const program = new Command('gatefold')
    .description('Trains and runs recurrent networks on WebGPU.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(formatParserMessage(text)) })
    .addHelpText('after', notes);
  for (const add of [
    addStartCommand,
    addTrainCommand,
    addTuneCommand,
    addSampleCommand,
    addInfoCommand,
    addParityCommand,
  ]) {
    add(program);
  }
  return program;
}
