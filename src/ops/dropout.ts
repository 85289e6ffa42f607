import { OptionError, ShapeError } from '../errors.ts';
import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, Operator, Values } from '../graph/operator.ts';
import { applyUnary, formatShape, type GraphNode, type SymbolicTensor } from '../graph/tensor.ts';
import { dropout as dropoutKernel } from '../kernels/generated/dropout.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { uniformAt } from '../random.ts';
import { splitGrid } from './grid.ts';
import { requireFloats } from './pointwise.ts';

/** Options of {@link dropout}. */
export interface DropoutOptions {
  /** Share of the elements set to zero, 0 ≤ rate < 1. */
  readonly rate: number;
  /** Which random numbers: equal streams draw equal masks. See `streamOf` for one from a name. */
  readonly stream: number;
  /** One mask for all time steps, the first axis: x [T, ...] and a mask [1, ...]. Default false. */
  readonly perSequence?: boolean;
}

/** Steps of a uniform number: it has 24 bits. */
const UNIFORM_STEPS = 2 ** 24;

/** Uniform numbers below this drop their element: the rate, in whole steps. */
function thresholdOf(rate: number): number {
  return Math.round(rate * UNIFORM_STEPS);
}

/** Elements that have a mask of their own; those behind them repeat it. */
function periodOf({ shape, size }: SymbolicTensor, { perSequence }: DropoutOptions): number {
  return perSequence ? size / (shape[0] as number) : size;
}

/** y = x·mask/(1 − rate). */
export const dropoutOperator: Operator<DropoutOptions> = {
  name: 'dropout',
  readsHalf: () => true,
  infer([x], { perSequence }, label) {
    const { shape } = requireFloats(x, label);
    if (perSequence && shape.length < 2) {
      throw new ShapeError(
        `${label}: input is ${formatShape(shape)}, expected [T, ...] for one mask per sequence. ` +
          'Leave perSequence out.',
      );
    }
    return [{ shape, dtype: 'f32' }];
  },
  // The mask is drawn again: it depends on stream, step and index only.
  differentiate: (node, [dy]) =>
    dy ? [dropout(dy, node.attributes, `${node.label}.gradient`)] : [],
  evaluate([x], attributes, { seed, step }, node) {
    const { rate, stream } = attributes;
    if (rate === 0) return [x as Values];
    const threshold = thresholdOf(rate);
    const period = periodOf(node.inputs[0] as SymbolicTensor, attributes);
    return [
      Float64Array.from(x as Float64Array, (value, index) =>
        uniformAt({ seed, stream, step, index: index % period }) * UNIFORM_STEPS < threshold
          ? 0
          : value / (1 - rate),
      ),
    ];
  },
  lower(node, lowering) {
    const [x] = node.inputs as [SymbolicTensor];
    if (node.attributes.rate === 0) {
      lowering.define(node.outputs[0] as SymbolicTensor, lowering.stored(x));
      return;
    }
    launchDropout(lowering, node, { label: node.label, first: 0, end: x.size });
  },
};

/** Time steps that a thread masks with the random numbers it has drawn. */
const STEPS_PER_THREAD = 8;

/** Emits the launch that computes the elements from `first` to before `end` of a dropout of rate > 0. */
export function launchDropout(
  lowering: Lowering,
  node: GraphNode<DropoutOptions>,
  { label, first, end }: { readonly label: string; readonly first: number; readonly end: number },
): void {
  const [x] = node.inputs as [SymbolicTensor];
  const [y] = node.outputs as [SymbolicTensor];
  const { rate, stream, perSequence = false } = node.attributes;
  const [from, to] = [lowering.stored(x), lowering.storedOutput(y)];
  const { bindings } = dropoutKernel;
  const period = periodOf(x, node.attributes);
  const firstBlock = perSequence ? 0 : Math.floor(first / 4);
  const blocks = Math.ceil((perSequence ? period : end) / 4) - firstBlock;
  const firstStep = Math.floor(first / period);
  const chunks = Math.ceil((Math.ceil(end / period) - firstStep) / STEPS_PER_THREAD);
  const content = packStruct(bindings.options.struct, {
    ...{ first, end, stream, threshold: thresholdOf(rate), scale: 1 / (1 - rate) },
    ...{ period, blocks, first_block: firstBlock, first_step: firstStep },
  });
  lowering.launch(
    defineLaunch(dropoutKernel, {
      label,
      constants: {
        per_sequence: perSequence,
        steps_per_thread: STEPS_PER_THREAD,
        x_is_half: from.isHalf ?? false,
        y_is_half: to.isHalf ?? false,
      },
      bindings: {
        state: lowering.shared('training-state', bindings.state.struct.sizeBytes),
        x: from,
        y: to,
        options: lowering.settings(`${label}/options`, content),
      },
      workgroups: splitGrid(Math.ceil((blocks * chunks) / 64)),
      cost: {
        flops: 50 * blocks * chunks * 4,
        readBytes: numberBytes(from) * (end - first),
        writtenBytes: numberBytes(to) * (end - first),
      },
    }),
  );
}

/**
 * Sets a random share of the elements to zero and divides the others by 1 − rate, so that the mean stays.
 * The mask is a function of seed, stream and training step; rate 0 costs nothing.
 *
 * @throws {ShapeError} for one mask per sequence of a tensor without time steps.
 * @throws {OptionError} if the rate is not in [0, 1) or the stream is no 32-bit unsigned integer.
 * @see Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014; Gal & Ghahramani 2016 (per sequence).
 */
export function dropout(
  x: SymbolicTensor,
  { rate, stream, perSequence = false }: DropoutOptions,
  label = 'dropout',
): SymbolicTensor {
  if (!(rate >= 0 && rate < 1)) {
    throw new OptionError(`${label}: rate is ${rate}, expected 0 ≤ rate < 1.`);
  }
  if (stream >>> 0 !== stream) {
    throw new OptionError(
      `${label}: stream is ${stream}, expected an integer from 0 to 4294967295, as streamOf() gives.`,
    );
  }
  return applyUnary(dropoutOperator, [x], { rate, stream, perSequence }, label);
}
