import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import type { OpenDevice } from '../../../src/cli/device-option.ts';
import { addTrainOptions, type TrainFlags } from '../../../src/cli/train-options.ts';
import { trainCharacters } from '../../../src/cli/training-run.ts';

const sentence = 'the quick brown fox jumps over the lazy dog; ';

/** A text of 28 distinct characters. */
export const foxText = Array.from({ length: 200 }, (_, i) => sentence.slice(i % 7)).join('');

/** Flags for a model that trains in no time. */
export const tinyFlags = ['--hidden', '8', '--batch', '4', '--sequence', '8'];

/** The reference, as the command opens it. */
export const onReference: OpenDevice = {
  device: 'reference',
  description: 'float64 reference',
  [Symbol.dispose]: () => undefined,
};

/** `gatefold train` with these arguments, on an open device. */
export async function trainInProcess(
  open: OpenDevice,
  args: readonly string[],
): Promise<{ code: number; stdout: string }> {
  const command = addTrainOptions(new Command('train')).exitOverride();
  command.parse(args, { from: 'user' });
  const output = new PassThrough();
  const written: string[] = [];
  output.on('data', (chunk: Buffer) => written.push(chunk.toString()));
  const code = await trainCharacters({ open, flags: command.opts<TrainFlags>(), command, output });
  return { code, stdout: written.join('') };
}
