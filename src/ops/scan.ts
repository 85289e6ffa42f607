import { OptionError, ShapeError } from '../errors.ts';
import type { Operator, PlanStrategy, Strategy } from '../graph/operator.ts';
import {
  applyOperator,
  formatShape,
  type GraphNode,
  type SymbolicTensor,
  sizeOf,
} from '../graph/tensor.ts';
import { type RecurrenceResult, recurrenceOperator } from './recurrence.ts';
import { evaluateScan, evaluateScanGradient } from './scan-evaluate.ts';
import { lowerScan, lowerScanGradient } from './scan-lower.ts';
import {
  placeOfOutputGradient,
  type ScanAttributes,
  type ScanGradientAttributes,
} from './scan-shape.ts';

export type { ScanAttributes } from './scan-shape.ts';

/**
 * A cell without recurrent weights over time. Inputs: projected [T, B, gates·H] (W_ih·x + b_ih of all steps),
 * initial state [1, B, H], lengths i32 [B] (optional). Outputs: y [T, B, H], final state [1, B, H].
 */
const scanOperator: Operator<ScanAttributes> = {
  name: 'scan',
  readsHalf: (input) => input === 0,
  infer([, initial, lengths], { steps, batch, hiddenSize }, label) {
    const state = [1, batch, hiddenSize];
    const got = initial?.shape ?? [];
    if (got.join() !== state.join()) {
      throw new ShapeError(
        `${label}: initial state is ${formatShape(got)}, expected ${formatShape(state)}. The state is h.`,
      );
    }
    if (lengths && (lengths.dtype !== 'i32' || lengths.shape.join() !== `${batch}`)) {
      throw new ShapeError(
        `${label}: lengths are ${lengths.dtype} ${formatShape(lengths.shape)}, expected i32 [${batch}]: the steps of ` +
          'each row that are not padding.',
      );
    }
    return [
      { shape: [steps, batch, hiddenSize], dtype: 'f32' },
      { shape: state, dtype: 'f32' },
    ];
  },
  differentiate(node, [dOutput, dFinal]) {
    const [projected, initial, ...lengths] = node.inputs as [SymbolicTensor, SymbolicTensor];
    const inputs = [projected, initial, node.outputs[0] as SymbolicTensor, ...lengths];
    if (dOutput) inputs.push(dOutput);
    if (dFinal) inputs.push(dFinal);
    const attributes = {
      ...node.attributes,
      hasOutputGradient: dOutput !== undefined,
      hasFinalGradient: dFinal !== undefined,
    };
    return applyOperator(scanGradient, inputs, attributes, `${node.label}.gradient`);
  },
  evaluate: ([projected, initial, lengths], attributes) =>
    evaluateScan(
      attributes,
      projected as Float64Array,
      initial as Float64Array,
      lengths as Int32Array | undefined,
    ),
  lower: lowerScan,
};

/**
 * Gradient of a scan. Inputs: projected, initial, y, then lengths, dOutput [T, B, H] and dFinal [1, B, H]
 * where given.
 * Outputs: dProjected [T, B, gates·H], dInitial [1, B, H].
 */
const scanGradient: Operator<ScanGradientAttributes> = {
  name: 'scan-gradient',
  readsHalf: (input, { attributes }) =>
    input === 0 || input === 2 || input === placeOfOutputGradient(attributes),
  infer: ([projected, initial]) => [projected, initial].map((type) => ({ ...type })) as never,
  evaluate(inputs, attributes) {
    const [projected, initial, y] = inputs as Float64Array[];
    const place = placeOfOutputGradient(attributes);
    return evaluateScanGradient(attributes, {
      projected: projected as Float64Array,
      initial: initial as Float64Array,
      y: y as Float64Array,
      lengths: attributes.hasLengths ? (inputs[3] as Int32Array) : undefined,
      dOutput: place === undefined ? undefined : (inputs[place] as Float64Array),
      dFinal: attributes.hasFinalGradient ? (inputs.at(-1) as Float64Array) : undefined,
    });
  },
  lower: lowerScanGradient,
};

/** What a scan reads. */
export interface ScanInputs {
  /** [T, B, gates·H] W_ih·x + b_ih of every time step. */
  readonly projected: SymbolicTensor;
  /** [1, B, H]. */
  readonly initial: SymbolicTensor;
  /** i32 [B]: the steps of each row that are not padding; those behind them leave the state as it is. */
  readonly lengths?: SymbolicTensor | undefined;
}

/**
 * Runs a cell without recurrent weights over time, as a scan.
 *
 * @throws {ShapeError} if the initial state or the lengths do not fit.
 * @throws {OptionError} if the width of the projected input is no multiple of the gates.
 */
export function scan(
  { projected, initial, lengths }: ScanInputs,
  attributes: Pick<ScanAttributes, 'cell' | 'reverse'>,
  label = 'scan',
): RecurrenceResult {
  const [steps = 0, batch = 0, width = 0] = projected.shape;
  const hiddenSize = width / attributes.cell.gates.length;
  if (!Number.isInteger(hiddenSize) || sizeOf(projected.shape) === 0) {
    throw new OptionError(
      `${label}: projected input is ${formatShape(projected.shape)}, expected a last axis that is a ` +
        `multiple of ${attributes.cell.gates.length} gates.`,
    );
  }
  const full = { ...attributes, steps, batch, hiddenSize, hasLengths: lengths !== undefined };
  const inputs = lengths ? [projected, initial, lengths] : [projected, initial];
  const [output, final] = applyOperator(scanOperator, inputs, full, label) as [
    SymbolicTensor,
    SymbolicTensor,
  ];
  return { output, final };
}

/**
 * Refuses a strategy that could only be ignored: one asked for at a scan by name, or for a whole plan that has
 * scans and no recurrence.
 *
 * @throws {OptionError} naming the scan and the strategy.
 */
export function refuseScanStrategies(
  nodes: readonly GraphNode[],
  strategy: PlanStrategy | ReadonlyMap<string, Strategy> | undefined,
): void {
  if (strategy === undefined || strategy === 'resident') return;
  const isOne = (node: GraphNode, operator: { readonly name: string }) =>
    node.op.name === operator.name;
  const isForAll = typeof strategy === 'string';
  if (isForAll && nodes.some((node) => isOne(node, recurrenceOperator))) return;
  for (const node of nodes) {
    const asked = isForAll ? strategy : strategy.get(node.label);
    if (asked === undefined || !(isOne(node, scanOperator) || isOne(node, scanGradient))) continue;
    throw new OptionError(
      `${node.label}: strategy '${asked}' says how to walk through time, but this cell has no recurrent ` +
        'weights: all its time steps are one scan. Leave the strategy to the scheduler.',
    );
  }
}
