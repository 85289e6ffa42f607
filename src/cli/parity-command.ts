import { type Command, Option } from 'commander';
import { parsePattern } from './arguments.ts';
import { exitCodes } from './failure.ts';
import { runParity } from './parity/parity-run.ts';
import { type ParityDevice, parityDevices } from './parity/runners.ts';

interface ParityFlags {
  readonly device: ParityDevice;
  readonly filter?: RegExp;
  readonly write?: string;
  readonly json?: string;
  readonly strict?: boolean;
}

const notes = `
A case is a .safetensors file with inputs, weights and what must come out; folders are searched.
Each case gives one line:
  PASS name          every tensor is within its tolerance
  FAIL name          with the worst tensor, its index, both values and the ratio to the tolerance
  UNSUPPORTED name   with the option that is not built
  DONE name          computed, but the file expects nothing that could be compared

--write stores the results of each case as DIR/name.safetensors. What a case expects is not looked
at before its results have been computed.
--json writes [{ case, status, reason?, worst?: { tensor, index, got, expected, ratio } }]; numbers
that JSON does not have are the strings "NaN", "Infinity" and "-Infinity".

Exit code 0; 1 if a case failed, with --strict also if one is unsupported; 2 for wrong usage or
where there is no adapter.

Examples:
  $ gatefold parity cases/ --filter '^lstm'
  $ gatefold parity case.safetensors --device reference --write results/`;

/** Adds `gatefold parity`. */
export function addParityCommand(program: Command): void {
  program
    .command('parity')
    .description('Runs case files and compares the results with what they expect.')
    .argument('<paths...>', 'case files, or folders with case files')
    .addOption(
      new Option('--device <where>', 'what to run the cases on')
        .choices([...parityDevices])
        .default('webgpu'),
    )
    .option('--filter <regex>', 'only cases whose name matches', parsePattern)
    .option('--write <dir>', 'store one results file per case')
    .option('--json <file>', 'write a report')
    .option('--strict', 'unsupported cases are failures')
    .addHelpText('after', notes)
    .action(async (paths: string[], flags: ParityFlags) => {
      const passed = await runParity(paths, flags, (line) => console.log(line));
      process.exitCode = passed ? exitCodes.success : exitCodes.failure;
    });
}
