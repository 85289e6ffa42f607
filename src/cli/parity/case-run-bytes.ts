import { FileFormatError } from '../../errors.ts';
import type { ParityCase } from '../../interop/case-types.ts';
import { readSafetensors, writeSafetensors } from '../../interop/safetensors.ts';
import type { CaseRun } from './results.ts';

/** A case file without its expected tensors, as it is sent to another runtime. */
export function stripCaseFile(bytes: Uint8Array, parsed: ParityCase): Uint8Array<ArrayBuffer> {
  return writeSafetensors(parsed.inputs, readSafetensors(bytes).metadata);
}

/** What running a case came to, as a file: the tensors, and status and reason as metadata. */
export function encodeCaseRun(run: CaseRun): Uint8Array<ArrayBuffer> {
  return run.status === 'done'
    ? writeSafetensors(run.tensors, { status: run.status })
    : writeSafetensors([], { status: run.status, reason: run.reason });
}

/** The inverse of {@link encodeCaseRun}. @throws {FileFormatError} for anything else. */
export function decodeCaseRun(bytes: Uint8Array): CaseRun {
  const { tensors, metadata } = readSafetensors(bytes, { source: 'case results' });
  const { status, reason = '' } = metadata;
  if (status === 'done') return { status, tensors };
  if (status === 'unsupported' || status === 'error') return { status, reason };
  throw new FileFormatError(
    `case results: status is '${status}', expected done, unsupported or error. ` +
      'Use the same version of Gatefold on both sides.',
  );
}
