import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { OptionError } from '../errors.ts';
import { tune } from '../training/tune.ts';
import type { TuneProgress } from '../tuning/measure.ts';
import { parsePositive } from './arguments.ts';
import { openDevice } from './device-option.ts';
import { Interruption } from './interruption.ts';
import { buildTraining, prepareRun } from './prepared-run.ts';
import { addTrainOptions, type TrainFlags } from './train-options.ts';

interface TuneFlags extends TrainFlags {
  readonly budget: number;
  readonly output?: string;
  readonly cache: boolean;
}

const notes = `
Takes the flags of train: put tune in its place, measure, then train with --tuning. Flags that do
not change the kernels' sizes make no difference. Every candidate is checked before it is timed; a
kernel's shape is changed only for one that takes at most 95 % of its time, twice. Results are kept
for the adapter, in GATEFOLD_CACHE or the system's cache folder, and a second run goes on where the
budget ended the first.

Examples:
  $ gatefold tune --hidden 256 --batch 32 --budget 60
  $ gatefold train --hidden 256 --batch 32 --tuning
  $ gatefold tune --hidden 256 --batch 32 --output tuning.json`;

/** Adds `gatefold tune`. */
export function addTuneCommand(program: Command): void {
  const command = program
    .command('tune')
    .description('Measures kernel shapes on this adapter for a model of train.')
    .option('--budget <seconds>', 'time to measure for', parsePositive, 20)
    .option('--output <file>', 'also write the results as JSON, to be shipped')
    .option('--no-cache', 'measure all anew, and keep nothing for the adapter')
    .addHelpText('after', notes);
  addTrainOptions(command).action(async (flags: TuneFlags) => {
    using open = await openDevice(flags.device);
    if (open.device === 'reference') {
      throw new OptionError('tune: --device reference has no kernels. Choose an adapter.');
    }
    const { stored: _stored, ...training } = buildTraining(await prepareRun(flags, command));
    console.log(`adapter     ${open.description}`);
    using interruption = new Interruption((signal) => console.log(`${signal}: stopping`));
    const tuning = await tune({
      device: open.device,
      ...training,
      budgetMs: 1000 * flags.budget,
      cache: flags.cache,
      signal: interruption.signal,
      onProgress: (progress) => console.log(describeProgress(progress)),
    });
    if (flags.output !== undefined) {
      await writeFile(flags.output, `${JSON.stringify(tuning, undefined, 1)}\n`);
    }
    console.log(
      `tuned       ${Object.keys(tuning.shapes).length} kernel shapes are known` +
        `${flags.output === undefined ? '' : `, written to ${flags.output}`}\n` +
        `more        gatefold train --tuning${flags.output ? ` ${flags.output}` : ''} with the same flags`,
    );
  });
}

/** One line per candidate, and one per kernel that is done. */
function describeProgress({
  elapsedMs,
  done,
  total,
  key,
  candidate,
  message,
}: TuneProgress): string {
  const time = `${(elapsedMs / 1000).toFixed(1)} s`.padStart(8);
  if (key === undefined) return `${time}  ${message}`;
  return candidate ? `${time}    ${message}` : `${time}  ${done}/${total} ${key}: ${message}`;
}
