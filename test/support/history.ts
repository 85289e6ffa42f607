import {
  decodeRecords,
  placeRecords,
  type RecordRange,
  type StepRecord,
} from '../../src/training/step-state.ts';

/** Records of steps from the whole ring of a history. */
export function decodeHistory(ring: Uint8Array, range: RecordRange): StepRecord[] {
  const pieces = placeRecords(ring.byteLength, range).map(({ offsetBytes, bytes }) =>
    ring.subarray(offsetBytes, offsetBytes + bytes),
  );
  return decodeRecords(pieces, range.first);
}
