import { ParityError } from '../errors.ts';
import { indexAt } from '../graph/tensor.ts';
import { largestMagnitude, tolerance } from '../reference/tolerance.ts';
import type { EngineState, StepDetails, TrainingSpec } from './engine.ts';
import { ReferenceEngine } from './reference-engine.ts';

/**
 * Repeats a step on the float64 reference and compares loss and gradients.
 *
 * @param before - the state of training before the step.
 * @param details - what the device made of the step.
 * @throws {ParityError} naming the worst tensor, its index, both values and the ratio to the tolerance.
 */
export async function validateStep(
  spec: TrainingSpec,
  before: EngineState,
  details: StepDetails,
): Promise<void> {
  const reference = new ReferenceEngine(spec, before.parameters);
  reference.importState(before);
  const expected = await reference.runDetailed();
  const { precision } = spec;
  const { steps, fanIn } = measureSums(spec);
  const step = details.record.step + 1;
  const magnitudeOfLoss = Math.abs(expected.record.loss);
  const lossBound = tolerance({ steps, fanIn, magnitude: magnitudeOfLoss, precision });
  const lossError = Math.abs(details.record.loss - expected.record.loss);
  if (!(lossError <= lossBound)) {
    throw new ParityError(
      `step ${step}: loss is ${details.record.loss}, the reference has ${expected.record.loss}: ` +
        `${(lossError / lossBound).toPrecision(3)} of the tolerance.`,
    );
  }
  for (const [name, want] of expected.gradients) {
    const got = details.gradients.get(name);
    const magnitude = largestMagnitude(want);
    const bound = tolerance({ steps, fanIn, magnitude, precision });
    for (let at = 0; at < want.length; at++) {
      const error = Math.abs((got?.[at] as number) - (want[at] as number));
      if (error <= bound) continue;
      const shape = spec.graph.layout.slots.get(name)?.parameter.shape ?? [];
      throw new ParityError(
        `step ${step}: gradient of '${name}' at [${indexAt(shape, at).join(', ')}] is ${got?.[at]}, the reference has ` +
          `${want[at]}: ${(error / bound).toPrecision(3)} of the tolerance. This adapter or driver ` +
          'computes wrong results; try another, or the strategy option.',
      );
    }
  }
}

/** Length of the longest sums behind a model's gradients: steps through time, and terms per step. */
function measureSums({ graph, data }: TrainingSpec): { steps: number; fanIn: number } {
  const steps = Math.max(1, ...data.fields.map(({ shape }) => shape[0] ?? 1));
  let fanIn = 1;
  for (const { parameter } of graph.layout.slots.values()) {
    fanIn = Math.max(fanIn, parameter.shape.at(-1) ?? 1, parameter.shape[0] ?? 1);
  }
  return { steps, fanIn };
}
