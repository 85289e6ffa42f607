import type { Cell } from '../../src/cells/cell.ts';
import type { Device } from '../../src/device/device.ts';
import type { PlanStrategy } from '../../src/graph/operator.ts';
import { input, parameter } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import type { ShapeSource } from '../../src/graph/tunable.ts';
import { add, multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { recurrence } from '../../src/ops/recurrence.ts';
import { apartShape } from '../../src/ops/recurrence-apart.ts';
import { biasRows, type RecurrenceExtra } from '../../src/ops/recurrence-extras.ts';
import type { RecurrenceSubject } from '../../src/ops/recurrence-tunable.ts';
import { sum } from '../../src/ops/reduce.ts';
import type { Launch, Plan } from '../../src/schedule/plan.ts';
import { planLimits } from '../../src/training/plan-limits.ts';
import { assertEqual, assertTrue } from './case.ts';
import { type CoreRun, compareCore } from './core-rig.ts';
import { type CellVariant, liftStates } from './core-variants.ts';
import { makeNoise } from './training-rig.ts';

type Consumed = 'output' | 'final' | 'both';

/** Sizes and options of a recurrence. */
export interface Form {
  readonly steps: number;
  readonly batch: number;
  readonly hiddenSize: number;
  readonly reverse: boolean;
  readonly bias: boolean;
  readonly consumed: Consumed;
  /** Whether to compare the gradients of weight and bias too: products, slow to compile where large. */
  readonly weights: boolean;
  readonly extras?: readonly RecurrenceExtra[];
}

/** A recurrence with the gradients of all that it reads. */
export function buildRecurrence(cell: Cell, form: Form) {
  const { steps, batch, hiddenSize, reverse, consumed, extras = [] } = form;
  const rows = cell.gates.length * hiddenSize;
  const width = cell.inputGates * hiddenSize;
  const biasSize = biasRows({ cell }) * hiddenSize;
  const draw = (shape: readonly number[]) => new Float32Array(shape.reduce((a, b) => a * b, 1));
  const own = (name: string, shape: readonly number[]) =>
    parameter({ name, shape, initialize: draw });
  const sources: Record<string, SymbolicTensor> = {
    projected: input('projected', [steps, batch, width]),
    ...(cell.multiplies && { weight: own('weight', [rows, hiddenSize]) }),
    initial: input('initial', [cell.states.length, batch, hiddenSize]),
    ...((form.bias || cell.parameters.length > 0) && { bias: own('bias', [biasSize]) }),
  };
  const given = {
    lengths: input('lengths', [batch], 'i32'),
    mask: input('mask', [batch, hiddenSize]),
    zoneout: input('zoneout', [cell.states.length, steps, batch, hiddenSize]),
  };
  const { output, final } = recurrence(
    {
      projected: sources.projected as SymbolicTensor,
      weight: sources.weight,
      initial: sources.initial as SymbolicTensor,
      bias: sources.bias,
      extras: Object.fromEntries(extras.map((name) => [name, given[name]])),
    },
    { cell, reverse },
  );
  const weigh = (tensor: SymbolicTensor, name: string) =>
    sum(multiply(tensor, input(name, tensor.shape)));
  const [ofOutput, ofFinal] = [weigh(output, 'of_output'), weigh(final, 'of_final')];
  const loss =
    consumed === 'output' ? ofOutput : consumed === 'final' ? ofFinal : add(ofOutput, ofFinal);
  const gradients = differentiate(loss, Object.values(sources));
  const outputs: Record<string, SymbolicTensor> = { output, final };
  for (const [index, name] of Object.keys(sources).entries()) {
    if (!form.weights && (name === 'weight' || name === 'bias')) continue;
    outputs[`d_${name}`] = gradients[index] as SymbolicTensor;
  }
  const inputs = {
    projected: makeNoise(steps * batch * width, 1, 2),
    initial: liftStates(cell, makeNoise(final.size, 2)),
    of_output: makeNoise(output.size, 3),
    of_final: makeNoise(final.size, 4),
    // From none to all steps, and beyond them; a mask of dropout; a coin for each unit.
    lengths: Int32Array.from(
      { length: batch },
      (_none, row) => (row * 2 + steps - 1) % (steps + 2),
    ),
    mask: makeNoise(batch * hiddenSize, 7).map((value) => (value < -0.2 ? 0 : 1.5)),
    zoneout: makeNoise(given.zoneout.size, 8).map((value) => (value < 0 ? 0 : 1)),
  };
  if (extras.includes('lengths')) {
    for (const [index] of inputs.projected.entries()) {
      const row = Math.floor(index / width);
      const isPadding = Math.floor(row / batch) >= (inputs.lengths[row % batch] as number);
      if (isPadding) inputs.projected[index] = 3e38;
    }
  }
  return { outputs, inputs };
}

/** weight and bias within ±1/√H, as initialised, so that the state neither explodes nor dies. */
export function drawWeights(cell: Cell, hiddenSize: number): Map<string, Float32Array> {
  const rows = cell.gates.length * hiddenSize;
  const scale = 1 / Math.sqrt(hiddenSize);
  return new Map([
    ['weight', makeNoise(rows * hiddenSize, 5, scale)],
    ['bias', makeNoise(biasRows({ cell }) * hiddenSize, 6, scale)],
  ]);
}

/** Shapes with which the products of each step are launches of their own. */
export function apartShapes(device: Device): ShapeSource {
  return ({ kernel, subject, builtIn, refuse }) => {
    if (!kernel.startsWith('recurrence-')) return undefined;
    const { attributes } = subject as RecurrenceSubject;
    const shape = { ...builtIn, ...apartShape(planLimits(device), attributes) };
    assertEqual(refuse(shape), undefined, 'why it is refused');
    return { shape, reason: 'a case' };
  };
}

/** Compares the device with the reference. */
export async function check(
  device: Device,
  { cell, name }: CellVariant,
  form: Form,
  strategy: PlanStrategy,
  choices: Pick<CoreRun, 'laneWidth' | 'registers' | 'editPlan' | 'precision' | 'tuning'> = {},
): Promise<void> {
  const { outputs, inputs } = buildRecurrence(cell, form);
  const parameters = drawWeights(cell, form.hiddenSize);
  const { plan } = await compareCore(device, outputs, {
    kind: name.replaceAll(/ \w+=/g, ' '),
    inputs,
    parameters,
    strategy,
    ...choices,
    steps: form.steps,
    fanIn: cell.gates.length * form.hiddenSize,
  });
  if (strategy === 'resident') {
    assertTrue(plan.resident !== undefined, 'the plan is not resident');
    return;
  }
  for (const { node, choice } of plan.decisions) {
    if (node === plan.name) continue;
    assertTrue(choice.startsWith(strategy), `${node} is ${choice}`);
  }
}

export function isRecurrence({ kernel }: Launch): boolean {
  return kernel.startsWith('recurrence-');
}

export function recurrencesOf({ launches }: Plan): Launch[] {
  return launches.filter(isRecurrence);
}
