/**
 * `npm run bench`: measures training steps on the device at hand. A workload is first held against the
 * float64 reference; one that computes wrong results gets no times.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ParityError } from '../src/index.ts';
import { checkWorkload, type Figures, measureWorkload } from './measure.ts';
import { describeFigures } from './report.ts';
import { type Workload, workloads } from './workloads.ts';

const { values } = parseArgs({
  options: {
    workload: { type: 'string', default: Object.keys(workloads).join(',') },
    reps: { type: 'string', default: '10' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const help = `npm run bench -- [--workload ${Object.keys(workloads).join(',')}] [--reps 10] [--json FILE]
Measures training steps. GATEFOLD_ADAPTER=hardware or software chooses the adapter.`;

/** Checks and measures a workload and prints what comes out; a wrong one gives no figures. */
async function bench(name: string, reps: number): Promise<Figures | undefined> {
  const workload = workloads[name] as Workload;
  const sizes = Object.entries(workload).map((entry) => entry.join(' '));
  console.log(`\n${name}: ${sizes.join(', ')}`);
  try {
    await checkWorkload(workload);
  } catch (error) {
    if (!(error instanceof ParityError)) throw error;
    console.log(`  WRONG: ${error.message}`);
    return undefined;
  }
  const figures = await measureWorkload(workload, reps);
  console.log(`  check       loss and gradients of 3 time steps agree with the reference`);
  console.log(describeFigures(figures));
  return figures;
}

const names = values.workload.split(',');
const reps = Number(values.reps);
if (values.help) {
  console.log(help);
} else if (!names.every((name) => Object.hasOwn(workloads, name)) || !(reps >= 1)) {
  console.error(`bench: --workload is '${values.workload}', --reps is '${values.reps}'.\n${help}`);
  process.exitCode = 2;
} else {
  console.log(`Node ${process.versions.node}, ${availableParallelism()} cores`);
  const report: Record<string, Figures> = {};
  for (const name of names) {
    const figures = await bench(name, reps);
    if (figures) report[name] = figures;
    else process.exitCode = 1;
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
