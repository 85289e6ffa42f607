import type { Device } from '../../device/device.ts';
import { DeviceLostError } from '../../errors.ts';
import { explainUnsupported } from '../../interop/case-options.ts';
import type { ParityCase } from '../../interop/case-types.ts';
import type { CaseRun } from './results.ts';
import { runOperatorCase } from './run-operator.ts';
import { runTrainingCase } from './run-training.ts';

/**
 * Computes a case's results. Runs in Node, Deno, pages and workers alike, and never looks at the
 * tensors that the case expects: they are taken out first.
 *
 * @returns `error` with the message where the library refuses the case or fails on it.
 * @throws {DeviceLostError} when the device is lost: no further case can run on it.
 */
export async function runCase(device: Device | 'reference', given: ParityCase): Promise<CaseRun> {
  const parsed: ParityCase = { ...given, expected: new Map() };
  const reason = explainUnsupported(parsed);
  if (reason !== null) return { status: 'unsupported', reason };
  try {
    const tensors =
      parsed.kind === 'train'
        ? await runTrainingCase(device, parsed)
        : await runOperatorCase(device, parsed);
    return { status: 'done', tensors };
  } catch (error) {
    if (error instanceof DeviceLostError) throw error;
    return { status: 'error', reason: error instanceof Error ? error.message : String(error) };
  }
}
