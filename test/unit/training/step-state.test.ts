import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../../src/errors.ts';
import {
  decodeTrainingState,
  encodeTrainingState,
  learningRateScaleOffsetBytes,
  placeRecords,
  stepRecordBytes,
  trainingStateBytes,
} from '../../../src/training/step-state.ts';
import { decodeHistory } from '../../support/history.ts';

describe('the training state', () => {
  it('starts fresh', () => {
    const bytes = encodeTrainingState({ seed: 0xffffffff, step: 12 });
    expect(bytes.byteLength).toBe(trainingStateBytes);
    expect(decodeTrainingState(bytes)).toEqual({
      seed: 0xffffffff,
      step: 12,
      halted: false,
      gradientScale: 1,
      learningRate: 0,
      learningRateScale: 1,
      historyOrigin: 12,
      skippedSteps: 0,
    });
  });

  it('survives encoding, and its scale can be written alone', () => {
    const state = {
      seed: 3,
      step: 100,
      halted: true,
      gradientScale: 0.5,
      learningRate: 0.25,
      learningRateScale: 0.125,
      historyOrigin: 64,
      skippedSteps: 7,
    };
    const bytes = encodeTrainingState(state);
    expect(decodeTrainingState(bytes)).toEqual(state);
    new DataView(bytes.buffer).setFloat32(learningRateScaleOffsetBytes, 0.75, true);
    expect(decodeTrainingState(bytes)).toEqual({ ...state, learningRateScale: 0.75 });
    expect(() => decodeTrainingState(bytes.subarray(4))).toThrow(ShapeError);
  });
});

describe('the history', () => {
  it('is a ring that begins at its origin', () => {
    const bytes = new Uint8Array(4 * stepRecordBytes);
    const view = new DataView(bytes.buffer);
    for (let slot = 0; slot < 4; slot++) {
      view.setFloat32(slot * stepRecordBytes, slot + 0.5, true);
      view.setFloat32(slot * stepRecordBytes + 4, 2, true);
      view.setFloat32(slot * stepRecordBytes + 8, 0.25, true);
      view.setUint32(slot * stepRecordBytes + 12, slot === 2 ? 6 : slot, true);
    }
    const size = bytes.byteLength;
    expect(placeRecords(size, { first: 11, end: 14, origin: 10 })).toEqual([
      { offsetBytes: stepRecordBytes, bytes: 3 * stepRecordBytes },
    ]);
    expect(placeRecords(size, { first: 13, end: 16, origin: 10 })).toEqual([
      { offsetBytes: 3 * stepRecordBytes, bytes: stepRecordBytes },
      { offsetBytes: 0, bytes: 2 * stepRecordBytes },
    ]);
    const records = decodeHistory(bytes, { first: 13, end: 16, origin: 10 });
    expect(records.map(({ step, loss }) => [step, loss])).toEqual([
      [13, 3.5],
      [14, 0.5],
      [15, 1.5],
    ]);
    expect(records.map((record) => [record.lossIsFinite, record.gradientsAreFinite])).toEqual([
      [false, false],
      [true, true],
      [false, true],
    ]);
    expect(records.map(({ skipped }) => skipped)).toEqual([false, false, false]);
    const [skipped] = decodeHistory(bytes, { first: 12, end: 13, origin: 10 });
    expect(skipped).toMatchObject({ lossIsFinite: true, gradientsAreFinite: false, skipped: true });
    expect(records[0]).toMatchObject({ gradientNorm: 2, learningRate: 0.25 });
    expect(() => decodeHistory(bytes, { first: 10, end: 15, origin: 10 })).toThrow(RangeError);
    expect(() => decodeHistory(bytes, { first: 9, end: 10, origin: 10 })).toThrow(RangeError);
  });
});
