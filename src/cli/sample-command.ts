import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { OptionError } from '../errors.ts';
import type { Precision } from '../graph/operator.ts';
import { readCheckpoint } from '../training/checkpoint.ts';
import { Network } from '../training/network.ts';
import { parseCount, parseNonNegative, parseWhole } from './arguments.ts';
import { type DeviceChoice, makeDeviceOption, openDevice } from './device-option.ts';
import { findTuning, makeTuningOption } from './tuning-file.ts';

interface SampleFlags {
  readonly prompt?: string;
  readonly length: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly seed: number;
  readonly device?: DeviceChoice;
  readonly tuning?: string | true;
  readonly precision: Precision;
}

const notes = `
The text goes to standard output, messages to standard error. Equal seeds give equal texts on
one adapter.

Examples:
  $ gatefold sample checkpoints/lstm.safetensors --prompt "Call me " --length 500
  $ gatefold sample checkpoints/lstm.safetensors --temperature 0.5 --top-k 5 --seed 7 > text.txt`;

/** Adds `gatefold sample`. */
export function addSampleCommand(program: Command): void {
  program
    .command('sample')
    .description('Continues a text with a trained model.')
    .argument('<checkpoint>', 'file that train has saved')
    .option('--prompt <text>', 'how the text begins (default: as in training)')
    .option('--length <n>', 'characters to add', parseCount, 200)
    .option(
      '--temperature <x>',
      'below 1 bolder, above 1 wilder, 0 takes the likeliest',
      parseNonNegative,
      0.8,
    )
    .option('--top-k <n>', 'draw from this many likeliest characters (default: all)', parseCount)
    .option('--seed <n>', 'of the drawing', parseWhole, 1)
    .addOption(makeDeviceOption())
    .addOption(makeTuningOption())
    .addOption(
      new Option('--precision <name>', 'f16 stores weights in half precision; needs shader-f16')
        .choices(['f32', 'f16'])
        .default('f32'),
    )
    .addHelpText('after', notes)
    .action(sample);
}

async function sample(path: string, flags: SampleFlags): Promise<void> {
  const checkpoint = new Uint8Array(await readFile(path));
  const prompt = flags.prompt ?? readPrompt(checkpoint, path);
  using open = await openDevice(flags.device);
  console.error(`adapter: ${open.description}`);
  const tuning = flags.tuning && (await findTuning(open, flags.tuning));
  if (tuning) console.error(`tuning: ${tuning.description}`);
  const network = await Network.load({
    device: open.device,
    checkpoint,
    precision: flags.precision,
    ...(tuning && { tuning: tuning.tuning }),
  });
  try {
    const { length, temperature, seed, topK } = flags;
    const text = await network.sample(prompt, {
      length,
      temperature,
      seed,
      ...(topK !== undefined && { topK }),
    });
    process.stdout.write(`${prompt}${text}\n`);
  } finally {
    await network.dispose();
  }
}

function readPrompt(checkpoint: Uint8Array, path: string): string {
  const { run } = readCheckpoint(checkpoint, path);
  if (typeof run?.prompt === 'string' && run.prompt !== '') return run.prompt;
  throw new OptionError(`${path} holds no prompt. Give one: --prompt TEXT`);
}
