/**
 * `npm run bench`: measures training steps on the device at hand. Each workload is first held against the
 * float64 reference; one that computes wrong results gets no times.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ParityError } from '../src/index.ts';
import { checkWorkload, type Figures, measureWorkload } from './measure.ts';
import { describeFigures } from './report.ts';
import { describeWorkload, type Workload, workloads } from './workloads.ts';

const help = `Usage: npm run bench -- [options]

  --workload <names>  some of ${Object.keys(workloads).join(', ')}, with commas between (default: all)
  --reps <n>          steps that are timed one by one (default: 10)
  --json <file>       write the figures as JSON too
  --no-check          do not compare with the reference first
  --help              show this

GATEFOLD_ADAPTER=hardware|software chooses the adapter.`;

interface Options {
  readonly names: readonly string[];
  readonly repetitions: number;
  readonly json: string | undefined;
  readonly checks: boolean;
}

/** @returns the options, or what is wrong with them. */
function readOptions(): Options | string {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      workload: { type: 'string', default: Object.keys(workloads).join(',') },
      reps: { type: 'string', default: '10' },
      json: { type: 'string' },
      check: { type: 'boolean', default: true },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return help;
  const names = values.workload.split(',');
  const unknown = names.find((name) => !Object.hasOwn(workloads, name));
  const repetitions = Number(values.reps);
  if (unknown !== undefined) return `bench: no workload is called '${unknown}'.\n\n${help}`;
  if (!Number.isInteger(repetitions) || repetitions < 1) {
    return `bench: --reps is '${values.reps}', expected a positive integer.`;
  }
  return { names, repetitions, json: values.json, checks: values.check };
}

/** Checks and measures a workload; a wrong one gives no figures. */
async function runWorkload(
  name: string,
  workload: Workload,
  { repetitions, checks }: Options,
): Promise<Figures | undefined> {
  console.log(`${name}: ${describeWorkload(workload)}`);
  try {
    if (checks) await checkWorkload(workload);
  } catch (error) {
    if (!(error instanceof ParityError)) throw error;
    console.log(`  WRONG: ${error.message}\n`);
    return undefined;
  }
  const figures = await measureWorkload(workload, repetitions);
  console.log(
    `  check         ${checks ? 'loss and gradients agree with the reference' : 'left out'}`,
  );
  console.log(`${describeFigures(figures)}\n`);
  return figures;
}

const options = readOptions();
if (typeof options === 'string') {
  console.log(options);
  process.exitCode = options === help ? 0 : 2;
} else {
  console.log(`Node ${process.versions.node}, ${availableParallelism()} cores\n`);
  const report: Record<string, Figures> = {};
  for (const name of options.names) {
    const figures = await runWorkload(name, workloads[name] as Workload, options);
    if (figures) report[name] = figures;
    else process.exitCode = 1;
  }
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
}
