import { OutOfMemoryError, ShapeError } from '../errors.ts';
import type { Lowering, View } from '../graph/operator.ts';
import { sizeOf } from '../graph/tensor.ts';
import { carryState } from '../kernels/generated/carry-state.ts';
import { finishStep } from '../kernels/generated/finish-step.ts';
import { gatherBatch } from '../kernels/generated/gather-batch.ts';
import { gradientNorm } from '../kernels/generated/gradient-norm.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { addsAsTree, chooseSumming } from '../ops/grid.ts';
import { unusedOutput } from '../ops/unused.ts';
import type { Clipping } from './clipping.ts';
import type { DataField } from './data.ts';
import { largestFloat, loopGrid, spread } from './optimizer.ts';
import type { LearningRateSchedule } from './schedules.ts';
import { stepRecordBytes, trainingKeys, trainingStateBytes } from './step-state.ts';

/** The shared buffer with the training state. */
export function trainingState(lowering: Lowering): View {
  return lowering.shared(trainingKeys.state, trainingStateBytes);
}

/** A field's place in its resident array, with neighbouring axes merged where they are contiguous. */
function mergeAxes({ shape, strides }: DataField): { extents: number[]; strides: number[] } {
  const merged = { extents: [] as number[], strides: [] as number[] };
  for (const [axis, extent] of shape.entries()) {
    const stride = strides[axis] as number;
    const last = merged.extents.length - 1;
    if (last >= 0 && merged.strides[last] === stride * extent) {
      merged.extents[last] = (merged.extents[last] as number) * extent;
      merged.strides[last] = stride;
    } else {
      merged.extents.push(extent);
      merged.strides.push(stride);
    }
  }
  while (merged.extents.length < 4) {
    merged.extents.unshift(1);
    merged.strides.unshift(0);
  }
  return merged;
}

/** A field of the data, and the model's input that gets its batches. */
export interface GatheredField {
  readonly field: DataField;
  /** Key of the shared buffer with the field's array; see `residentArrays`. */
  readonly key: string;
  readonly target: View;
}

/** What {@link lowerGatherBatches} gathers. */
export interface GatherRequest {
  readonly fields: readonly GatheredField[];
  readonly batchCount: number;
  readonly state: View;
}

/**
 * Emits the launches that gather this step's batch of every field. Two fields that differ only in where they begin, as
 * tokens and the tokens that follow them do, share one.
 *
 * @throws {ShapeError} for a field with more than four axes that cannot be merged.
 * @throws {OutOfMemoryError} if a resident array is larger than the adapter can bind.
 */
export function lowerGatherBatches(lowering: Lowering, request: GatherRequest): void {
  const left = [...request.fields];
  for (let first = left.shift(); first; first = left.shift()) {
    const { field } = first;
    const beside = left.findIndex((other) => isBeside(other.field, field));
    const [second] = beside < 0 ? [] : left.splice(beside, 1);
    lowerGatherBatch(lowering, request, first, second);
  }
}

function isBeside(field: DataField, other: DataField): boolean {
  return (
    field.array === other.array &&
    field.batchStride === other.batchStride &&
    String(field.shape) === String(other.shape) &&
    String(field.strides) === String(other.strides)
  );
}

function lowerGatherBatch(
  lowering: Lowering,
  { batchCount, state }: GatherRequest,
  { field, key, target }: GatheredField,
  second: GatheredField | undefined,
): void {
  const label = `gather/${field.name}${second ? `+${second.field.name}` : ''}`;
  const { extents, strides } = mergeAxes(field);
  if (extents.length > 4) {
    throw new ShapeError(
      `${label}: '${field.name}' has ${extents.length} axes with gaps, expected at most 4. Copy the ` +
        'data into an array without gaps.',
    );
  }
  const { byteLength } = field.array;
  const most = lowering.limits.maxStorageBufferBindingSize;
  if (byteLength > most) {
    throw new OutOfMemoryError(
      `${label}: the data of '${field.name}' has ${byteLength} bytes, this adapter binds at most ${most} ` +
        '(maxStorageBufferBindingSize). Train on a shorter text or fewer batches.',
    );
  }
  const [, extent1, extent2, extent3] = extents as [number, number, number, number];
  const [stride0, stride1, stride2, stride3] = strides as [number, number, number, number];
  const elements = sizeOf(field.shape);
  const bytes = 4 * elements * (second ? 2 : 1);
  lowering.launch(
    defineLaunch(gatherBatch, {
      label,
      constants: {
        element_count: elements,
        batch_count: batchCount,
        batch_stride: field.batchStride,
        first: field.offset,
        has_second: second !== undefined,
        second_first: second?.field.offset ?? 0,
        extent_1: extent1,
        extent_2: extent2,
        extent_3: extent3,
        stride_0: stride0,
        stride_1: stride1,
        stride_2: stride2,
        stride_3: stride3,
      },
      bindings: {
        state,
        source: lowering.shared(key, byteLength),
        gathered: target,
        second_gathered: second?.target ?? unusedOutput(lowering, 'second field'),
      },
      workgroups: loopGrid(elements),
      cost: { flops: 0, readBytes: bytes, writtenBytes: bytes },
    }),
  );
}

const mostNormWorkgroups = 256;
/** Vectors that a thread adds up, where there are enough threads: fewer parts for finish-step. */
const vectorsPerPart = 8;

/**
 * Emits the launch that reduces the flat gradients to one partial sum of squares per thread, or per workgroup where
 * barriers are cheap.
 *
 * @returns the parts, for {@link lowerFinishStep}.
 */
export function lowerGradientNorm(lowering: Lowering, gradients: View, label: string): View {
  const vectors = gradients.bytes / 16;
  const { threads, workgroups } = spread(lowering, vectors / vectorsPerPart, mostNormWorkgroups);
  const partBytes = gradientNorm.bindings.parts.element.sizeBytes;
  const sumsAsTree = addsAsTree(lowering.limits);
  const partCount = workgroups[0] * (sumsAsTree ? 1 : threads);
  const parts = lowering.scratch(`${label}/parts`, partCount * partBytes);
  lowering.launch(
    defineLaunch(gradientNorm, {
      label,
      constants: {
        vector_count: vectors,
        threads,
        sums_as_tree: sumsAsTree,
        sums_in_subgroup: false,
      },
      bindings: { gradients, parts },
      workgroups,
      cost: { flops: 8 * vectors, readBytes: gradients.bytes, writtenBytes: parts.bytes },
    }),
  );
  return parts;
}

/** What {@link lowerFinishStep} reads and decides by. */
export interface FinishRequest {
  /** The mean loss, one float32. */
  readonly loss: View;
  /** From {@link lowerGradientNorm}; absent where nothing is trained: the norm is then 0. */
  readonly parts?: View;
  readonly schedule: LearningRateSchedule;
  /** The optimizer's base rate. */
  readonly learningRate: number;
  readonly clipping: Clipping;
  /** The ring of records; its size decides how many steps it holds. */
  readonly history: View;
  readonly state: View;
  /** Where gradients are those of a scaled loss: the factor, and after how many steps it grows. */
  readonly lossScale?: { readonly view: View; readonly growthSteps: number } | undefined;
  readonly label: string;
}

/** Emits the launch that ends a step: norm, learning rate, checks, history, step count. */
export function lowerFinishStep(lowering: Lowering, request: FinishRequest): void {
  const { loss, parts, schedule, learningRate, clipping, history, state, label } = request;
  const { lossScale } = request;
  const { curve, warmUp } = schedule;
  const partBytes = finishStep.bindings.parts.element.sizeBytes;
  const partCount = parts ? parts.bytes / partBytes : 0;
  const rule = packStruct(finishStep.bindings.rule.struct, {
    base: learningRate,
    minimum: curve.kind === 'cosine' ? curve.minimum : 0,
    start_factor: warmUp?.startFactor ?? 1,
    period: curve.kind === 'cosine' ? curve.totalSteps : curve.kind === 'step' ? curve.stepSize : 0,
    warmup_steps: warmUp?.steps ?? 0,
    clip_norm: clipping.clipNorm ?? 0,
  });
  lowering.launch(
    defineLaunch(finishStep, {
      label,
      constants: {
        part_count: partCount,
        capacity: Math.floor(history.bytes / stepRecordBytes),
        is_cosine: curve.kind === 'cosine',
        ...chooseSumming(lowering.limits),
        // In a resident plan one thread adds up the parts.
        sums_as_tree: addsAsTree(lowering.limits),
        scales_loss: lossScale !== undefined,
        growth_steps: lossScale?.growthSteps ?? 0,
      },
      bindings: {
        state,
        loss,
        parts: parts ?? lowering.constant(`${label}/no-parts`, new Uint8Array(partBytes)),
        decay: lowering.constant(
          `${label}/decay`,
          powersOf(curve.kind === 'step' ? curve.gamma : 1),
        ),
        history,
        rule: lowering.settings(`${label}/rule`, rule),
        loss_scale: lossScale?.view ?? unusedOutput(lowering, 'loss scale'),
      },
      workgroups: [1, 1, 1],
      cost: {
        flops: 2 * partCount,
        readBytes: partCount * partBytes + trainingStateBytes,
        writtenBytes: stepRecordBytes + trainingStateBytes,
      },
    }),
  );
}

/** gamma^(2^i) for i from 0 to 31, so that the kernel multiplies few exact factors. */
function powersOf(gamma: number): Uint8Array {
  const powers = Float32Array.from({ length: 32 }, (_, index) =>
    Math.min(gamma ** (2 ** index), largestFloat),
  );
  return new Uint8Array(powers.buffer);
}

/** What {@link lowerCarryState} copies. */
export interface CarryRequest {
  /** The state after this step. */
  readonly finalState: View;
  /** The state before the next one; may be larger. */
  readonly persistent: View;
  readonly elements: number;
  readonly batchCount: number;
  /** Whether the state becomes zero when the data starts over. */
  readonly resetsState: boolean;
  readonly state: View;
  readonly label: string;
}

/** Emits the launch that carries one recurrent state to the next step. After {@link lowerFinishStep}. */
export function lowerCarryState(lowering: Lowering, request: CarryRequest): void {
  const { finalState, persistent, elements, batchCount, resetsState, state, label } = request;
  lowering.launch(
    defineLaunch(carryState, {
      label,
      constants: { element_count: elements, batch_count: batchCount, resets: resetsState },
      bindings: { state, final_state: finalState, persistent },
      workgroups: loopGrid(elements),
      cost: { flops: 0, readBytes: 4 * elements, writtenBytes: 4 * elements },
    }),
  );
}
