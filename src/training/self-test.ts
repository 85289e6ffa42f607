import type { Device } from '../device/device.ts';
import { ParityError } from '../errors.ts';
import type { Precision, Strategy } from '../graph/operator.ts';
import { fill } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import { linear, oneHot } from '../layers/basic.ts';
import { model } from '../layers/model.ts';
import { gru, lstm } from '../layers/recurrent.ts';
import { differentiate } from '../ops/differentiate.ts';
import { softmaxCrossEntropy } from '../ops/softmax-cross-entropy.ts';
import { largestMagnitude, tolerance } from '../reference/tolerance.ts';
import { initializeParameters } from './initialize.ts';
import { runGraph } from './run-graph.ts';
import { layoutOf } from './training-graph.ts';

/** What a self-test found. */
export interface SelfTestResult {
  readonly ms: number;
  /** Tensors that were compared. */
  readonly tensors: number;
  /** The largest deviation as a share of its tolerance. */
  readonly worst: { readonly tensor: string; readonly ratio: number };
}

/** Sizes of a test. */
interface Extents {
  readonly steps: number;
  readonly batch: number;
  readonly hidden: number;
}

const VOCABULARY = 6;
const TINY: Extents = { steps: 5, batch: 3, hidden: 9 };
/** Enough for what kernels do on GPUs only: slices of a unit's sum, and products whose sums are in parts. */
const LARGER: Extents = { steps: 35, batch: 30, hidden: 40 };

/** Results by device: a device that has passed is not tested again. */
const passed: Record<Precision, WeakMap<Device, Promise<SelfTestResult>>> = {
  f32: new WeakMap(),
  f16: new WeakMap(),
};

/**
 * Computes small networks forward and backward on a device and compares them with the reference: an LSTM with
 * the `persistent` and a reset-before GRU with the `stepwise` recurrence; tiny ones on a software adapter. Well
 * under a second; done once per device and precision.
 *
 * @throws {ParityError} naming the tensor, index and values where the device is wrong.
 */
export function selfTest(device: Device, precision: Precision = 'f32'): Promise<SelfTestResult> {
  const known = passed[precision].get(device);
  if (known !== undefined) return known;
  const result = run(device, precision);
  passed[precision].set(device, result);
  return result;
}

async function run(device: Device, precision: Precision): Promise<SelfTestResult> {
  const start = performance.now();
  const extents = device.info.software || precision === 'f16' ? TINY : LARGER;
  const { hidden } = extents;
  const runs = [
    compare(device, lstm(hidden), 'persistent', precision, extents),
    compare(device, gru(hidden, { reset: 'before' }), 'stepwise', precision, extents),
  ] as const;
  // Where one fails the other still holds memory until it is done.
  await Promise.allSettled(runs);
  const [first, second] = await Promise.all(runs);
  const tensors = first.count + second.count;
  const worst = first.worst.ratio > second.worst.ratio ? first.worst : second.worst;
  return { ms: performance.now() - start, tensors, worst };
}

async function compare(
  device: Device,
  layer: (x: SymbolicTensor) => SymbolicTensor,
  strategy: Strategy,
  precision: Precision,
  { steps, batch, hidden }: Extents,
): Promise<{ count: number; worst: { tensor: string; ratio: number } }> {
  const encode = oneHot(VOCABULARY);
  const head = linear(VOCABULARY);
  const network = model(({ tokens }) => head(layer(encode(tokens as SymbolicTensor))));
  const type = { shape: [steps, batch], dtype: 'i32' } as const;
  const traced = network.trace({ tokens: type, targets: type });
  const loss = softmaxCrossEntropy(
    traced.outputs.output as SymbolicTensor,
    traced.inputs.targets as SymbolicTensor,
  );
  const entries = [...traced.parameters];
  const gradients = differentiate(
    loss,
    entries.map(([, { tensor }]) => tensor),
    // Training scales f16 gradients away from its least numbers, too.
    precision === 'f16' ? fill([], 2 ** 12) : undefined,
  );
  const outputs = new Map([['loss', loss]]);
  for (const [index, [name]] of entries.entries()) {
    const gradient = gradients[index];
    if (gradient) outputs.set(`gradient of ${name}`, gradient);
  }
  const draw = (offset: number) =>
    Int32Array.from({ length: steps * batch }, (_none, i) => (i * i + offset) % VOCABULARY);
  const request = {
    outputs,
    strategy,
    precision,
    inputs: new Map([
      ['tokens', draw(0)],
      ['targets', draw(1)],
    ]),
    parameters: new Map(
      [...initializeParameters(layoutOf(traced), 1)].map(([name, values]) => [
        name,
        Float32Array.from(values),
      ]),
    ),
  };
  const [got, expected] = await Promise.all([
    runGraph(device, request),
    runGraph('reference', request),
  ]);
  let worst = { tensor: '', ratio: 0 };
  for (const [name, want] of expected) {
    const have = got.get(name);
    const magnitude = largestMagnitude(want);
    const bound = tolerance({ steps, fanIn: 4 * hidden, magnitude, precision });
    for (let index = 0; index < want.length; index++) {
      const ratio = Math.abs((have?.[index] as number) - (want[index] as number)) / bound;
      if (!(ratio <= 1)) {
        throw new ParityError(
          `self-test of ${device.describe()}: ${name} at ${index} is ${have?.[index]}, expected ` +
            `${want[index]} (${strategy} recurrence). This adapter or driver computes wrong results; ` +
            'update the driver, or request another adapter.',
        );
      }
      if (ratio > worst.ratio) worst = { tensor: name, ratio };
    }
  }
  return { count: expected.size, worst };
}
