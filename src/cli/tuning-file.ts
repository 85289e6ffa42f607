import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { OptionError } from '../errors.ts';
import { loadTuning } from '../training/tune.ts';
import { isSameAdapter, nameAdapter, parseTuning, type Tuning } from '../tuning/tuning.ts';
import type { OpenDevice } from './device-option.ts';

/** The option `--tuning`; without a file it is `true`. */
export function makeTuningOption(): Option {
  return new Option(
    '--tuning [file]',
    'use kernel shapes that gatefold tune measured: those kept for this adapter, or of a file',
  );
}

/** A tuning that was asked for, and what to say of it. */
export interface FoundTuning {
  readonly tuning: Tuning;
  readonly description: string;
}

/**
 * What `--tuning` names: a file, or with `true` what is kept for the adapter.
 *
 * @throws {OptionError} if nothing is kept, or nothing runs on an adapter.
 * @throws {FileFormatError} if it cannot be read.
 */
export async function findTuning(
  { device }: OpenDevice,
  from: string | true,
): Promise<FoundTuning> {
  if (device === 'reference') {
    throw new OptionError('--tuning is of an adapter, --device reference has none. Leave one out.');
  }
  const tuning =
    from === true ? await loadTuning(device) : parseTuning(await readFile(from, 'utf8'), from);
  if (!tuning) {
    throw new OptionError(
      `--tuning: nothing has been measured on ${nameAdapter(device.info)} so far. Run gatefold tune ` +
        'with the same flags first.',
    );
  }
  const count = Object.keys(tuning.shapes).length;
  const fits = isSameAdapter(tuning.adapter, device.info);
  const source = from === true ? 'kept for this adapter' : from;
  const note = fits ? '' : `; measured on ${nameAdapter(tuning.adapter)}, so the rules choose here`;
  return { tuning, description: `${count} kernel shapes, ${source}${note}` };
}
