import { finishStep } from '../kernels/generated/finish-step.ts';
import { packStruct, unpackStruct } from '../kernels/pack.ts';

const stateLayout = finishStep.bindings.state.struct;
const recordLayout = finishStep.bindings.history.element;
/** As in shaders/lib/training-state.wgsl. */
const trainingHalted = 1;

/** Keys of the buffers that training shares between plans, beside those of the scheduler. */
export const trainingKeys = {
  state: 'training-state',
  history: 'training-history',
  moment: (name: string): string => `moment/${name}`,
} as const;

/** Size of the training state's buffer. */
export const trainingStateBytes: number = stateLayout.sizeBytes;

/** Size of one record of the history. */
export const stepRecordBytes: number = recordLayout.sizeBytes;

/** Where `learning_rate_scale` lies in the training state: 4 bytes that the host may write in between. */
export const learningRateScaleOffsetBytes: number =
  stateLayout.fields.learning_rate_scale.offsetBytes;

/** The training state as the host sees it. */
export interface TrainingStateValues {
  /** Seed of the counter-based random numbers, 32 bits. */
  readonly seed: number;
  /** Steps finished: the random counter and the data cursor. */
  readonly step: number;
  /** Whether a loss or gradient was not finite; `step` is then that step's, counted from 0. */
  readonly halted: boolean;
  /** Factor of the last step's gradients. */
  readonly gradientScale: number;
  /** Of the last step. */
  readonly learningRate: number;
  /** What reduce-on-plateau multiplies the schedule by. */
  readonly learningRateScale: number;
  /** Step whose record lies in slot 0 of the history. */
  readonly historyOrigin: number;
  /** Finished steps that changed nothing: f16 training only. */
  readonly skippedSteps: number;
}

/**
 * Bytes of a training state that starts or resumes at `step`.
 *
 * @param values - `seed` and `step`; the others start as in a fresh state unless given.
 */
export function encodeTrainingState(
  values: Pick<TrainingStateValues, 'seed' | 'step'> & Partial<TrainingStateValues>,
): Uint8Array<ArrayBuffer> {
  return packStruct(stateLayout, {
    seed: values.seed,
    step: values.step,
    halted: values.halted ? trainingHalted : 0,
    gradient_scale: values.gradientScale ?? 1,
    learning_rate: values.learningRate ?? 0,
    learning_rate_scale: values.learningRateScale ?? 1,
    history_origin: values.historyOrigin ?? values.step,
    skipped_steps: values.skippedSteps ?? 0,
  });
}

/** @throws {ShapeError} if there are fewer bytes than a state has. */
export function decodeTrainingState(bytes: Uint8Array): TrainingStateValues {
  const state = unpackStruct(stateLayout, bytes);
  return {
    seed: state.seed,
    step: state.step,
    halted: state.halted === trainingHalted,
    gradientScale: state.gradient_scale,
    learningRate: state.learning_rate,
    learningRateScale: state.learning_rate_scale,
    historyOrigin: state.history_origin,
    skippedSteps: state.skipped_steps,
  };
}

/** What a step left in the history. */
export interface StepRecord {
  /** Number of the step; the first is 0. */
  readonly step: number;
  /** Before the update. */
  readonly loss: number;
  /** Of all gradients together, before clipping; 0 where none were reduced (evaluation). */
  readonly gradientNorm: number;
  readonly learningRate: number;
  readonly lossIsFinite: boolean;
  readonly gradientsAreFinite: boolean;
  /** Whether nothing was updated because f16 gradients overflowed; training goes on with smaller ones. */
  readonly skipped: boolean;
}

/** Bits of a record's flags, as in shaders/lib/training-state.wgsl. */
const lossNotFinite = 1;
const gradientNotFinite = 2;
const stepWasSkipped = 4;

/** Steps from `first` to below `end` in a history; `origin` is the step whose record lies in slot 0. */
export interface RecordRange {
  readonly first: number;
  readonly end: number;
  readonly origin: number;
}

/**
 * Where the records of steps lie in the ring of a history: one piece, or two where they go around its end.
 *
 * @param historyBytes - Size of the ring.
 * @throws {RangeError} if the ring does not hold that many steps.
 */
export function placeRecords(
  historyBytes: number,
  { first, end, origin }: RecordRange,
): { readonly offsetBytes: number; readonly bytes: number }[] {
  const capacity = Math.floor(historyBytes / stepRecordBytes);
  if (end - first > capacity || first < origin) {
    throw new RangeError(
      `steps ${first} to ${end} are not in a history of ${capacity} from ${origin}`,
    );
  }
  const slot = (first - origin) % capacity;
  const ahead = Math.min(end - first, capacity - slot);
  const around = end - first - ahead;
  return [
    { offsetBytes: slot * stepRecordBytes, bytes: ahead * stepRecordBytes },
    ...(around > 0 ? [{ offsetBytes: 0, bytes: around * stepRecordBytes }] : []),
  ];
}

/**
 * Records of steps, oldest first.
 *
 * @param pieces - Bytes from where {@link placeRecords} says.
 */
export function decodeRecords(pieces: readonly Uint8Array[], first: number): StepRecord[] {
  const slots = pieces.flatMap((bytes) =>
    Array.from({ length: bytes.byteLength / stepRecordBytes }, (_, slot) =>
      bytes.subarray(slot * stepRecordBytes),
    ),
  );
  return slots.map((bytes, index) => {
    const record = unpackStruct(recordLayout, bytes);
    return {
      step: first + index,
      loss: record.loss,
      gradientNorm: record.gradient_norm,
      learningRate: record.learning_rate,
      lossIsFinite: (record.flags & lossNotFinite) === 0,
      gradientsAreFinite: (record.flags & gradientNotFinite) === 0,
      skipped: (record.flags & stepWasSkipped) !== 0,
    };
  });
}
