import { parseArgs } from 'node:util';
import { type PeerName, peerNames } from './peer.ts';
import { workloads } from './workloads.ts';

/** Where the bench runs. */
export type BenchDevice = 'chromium' | 'node' | 'deno';

/** What was asked for on the command line. */
export interface BenchOptions {
  readonly device: BenchDevice;
  readonly workloads: readonly string[];
  /** Undefined: all that the device offers. */
  readonly peers: readonly PeerName[] | undefined;
  readonly repetitions: number;
  readonly budgetSeconds: number;
  /** Whether nothing is left out: only such results are shown in the documents. */
  readonly isWhole: boolean;
  /** Where the JSON goes; Markdown and plot lie beside it. Undefined: bench/results/, named by device. */
  readonly json: string | undefined;
  readonly action: 'run' | 'serve' | 'reference' | 'help';
}

/** Text of `--help`. */
export const help = `Usage: npm run bench -- [options]

Runs recurrent networks with Gatefold and with other libraries in turn, checks what they compute, and
writes JSON, a Markdown table and a plot.

  --workloads a,b   ${workloads.map(({ name }) => name).join(', ')}; default: all
  --peers x,y       ${peerNames.join(', ')}; default: all
                    that the device runs, and gatefold-tuned under Deno only
  --reps N          at most this many repetitions of each; default 7
  --budget SECONDS  time for the repetitions of one peer on one workload; default 10. One is made in any case
  --json FILE       where the results go, with .md and .svg beside it; default bench/results/. A whole
                    run brings README.md and docs/bench.md up to date as well
  --device WHERE    chromium (default): all peers in one headless browser
                    node: Gatefold alone on Dawn, with a table of its launches
                    deno: Gatefold and jax-js under Deno, on lavapipe where it is installed, and SwiftShader
  --serve           serves the page that does the same on the GPU of whoever opens it
  --reference       computes bench/reference.json anew, for --workloads; takes half an hour for all
  --help

GATEFOLD_ADAPTER=hardware or software chooses the adapter, GATEFOLD_CHROME the browser.`;

/** @throws {Error} for options that are unknown or make no sense. */
export function parseOptions(given: readonly string[]): BenchOptions {
  const values = readArguments(given);
  const { device, json, serve, reference } = values;
  if (device !== 'chromium' && device !== 'node' && device !== 'deno') {
    throw new Error(`--device is '${device}', expected chromium, node or deno.`);
  }
  return {
    device,
    workloads:
      choose(
        'workloads',
        values.workloads,
        workloads.map(({ name }) => name),
      ) ?? workloads.map(({ name }) => name),
    peers: choose('peers', values.peers, peerNames),
    repetitions: Math.ceil(positive('reps', values.reps)),
    budgetSeconds: positive('budget', values.budget),
    isWhole: values.workloads === undefined && values.peers === undefined,
    json,
    action: values.help ? 'help' : serve ? 'serve' : reference ? 'reference' : 'run',
  };
}

const argumentTypes = {
  workloads: { type: 'string' },
  peers: { type: 'string' },
  reps: { type: 'string', default: '7' },
  budget: { type: 'string', default: '10' },
  json: { type: 'string' },
  device: { type: 'string', default: 'chromium' },
  serve: { type: 'boolean', default: false },
  reference: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

function readArguments(given: readonly string[]) {
  try {
    return parseArgs({ args: [...given], options: argumentTypes }).values;
  } catch (error) {
    const [what] = (error as Error).message.split(/\. |\n/);
    const known = Object.keys(argumentTypes).map((name) => `--${name}`);
    throw new Error(`${what}. Expected some of ${known.join(', ')}.`, { cause: error });
  }
}

function choose<T extends string>(
  option: string,
  given: string | undefined,
  known: readonly T[],
): readonly T[] | undefined {
  if (given === undefined) return undefined;
  const names = given.split(',');
  const unknown = names.find((name) => !(known as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new Error(`--${option} has '${unknown}', expected some of ${known.join(', ')}.`);
  }
  return known.filter((name) => names.includes(name));
}

function positive(option: string, given: string): number {
  const value = Number(given);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`--${option} is '${given}', expected a number above 0.`);
}
