import type { Cell } from '../cells/cell.ts';
import { input, parameter } from '../graph/sources.ts';
import { applyOperator, type SymbolicTensor } from '../graph/tensor.ts';
import { recurrenceOperator } from '../ops/recurrence.ts';
import { biasRows } from '../ops/recurrence-extras.ts';
import { recurrenceGradient } from '../ops/recurrence-gradient.ts';
import { layOutHistory, type RecurrenceAttributes } from '../ops/recurrence-shape.ts';
import type { RecurrenceSubject } from '../ops/recurrence-tunable.ts';
import type { Probe, ProbeGraph } from './probe.ts';
import { drawUniform, takeRow } from './probe-data.ts';

type Numbers = ReadonlyMap<string, Float32Array>;

/**
 * A recurrence on random numbers, forward or backward, without lengths, mask and zoneout: they change little of
 * what a shape costs.
 */
export function probeRecurrence({
  attributes: own,
  direction,
  requested,
}: RecurrenceSubject): Probe {
  const attributes: RecurrenceAttributes = { ...own, extras: [] };
  const { cell, steps, batch, hiddenSize } = attributes;
  const build = direction === 'forward' ? buildForward : buildBackward;
  const fanIn = cell.gates.length * hiddenSize;
  // States and gradients must not grow from step to step.
  const scale = 0.5 / Math.sqrt(hiddenSize);
  const parameters = new Map([
    ['weight', drawUniform('weight', cell.multiplies ? fanIn * hiddenSize : 1, -scale, scale)],
    ['bias', drawUniform('bias', biasRows(attributes) * hiddenSize, -0.5, 0.5)],
  ]);
  const inputs = direction === 'forward' ? drawForward(attributes) : drawBackward(attributes);
  const single = { ...attributes, batch: 1 };
  const sizes: Readonly<Record<string, number>> = { initial: cell.states.length };
  const last = new Map(
    [...inputs].map(([name, values]) => [
      name,
      name === 'history'
        ? takeHistory(values, attributes, single)
        : takeRow(values, sizes[name] ?? steps, batch, batch - 1),
    ]),
  );
  return {
    ...build(attributes, inputs, parameters),
    strategy: requested,
    outer: steps,
    rows: batch,
    steps,
    fanIn,
    lastRow: build(single, last, parameters),
  };
}

function drawForward({ cell, steps, batch, hiddenSize }: RecurrenceAttributes): Numbers {
  const row = batch * hiddenSize;
  return new Map([
    ['projected', drawUniform('projected', steps * row * cell.inputGates, -1, 1)],
    ['initial', liftStates(cell, drawUniform('initial', cell.states.length * row, -1, 1), row)],
  ]);
}

function drawBackward(attributes: RecurrenceAttributes): Numbers {
  const { cell, steps, batch, hiddenSize } = attributes;
  const row = batch * hiddenSize;
  const { sections, sectionSize } = layOutHistory(attributes);
  return new Map([
    [
      'history',
      liftStates(cell, drawUniform('history', sections * sectionSize, -1, 1), sectionSize),
    ],
    ['saved', drawUniform('saved', steps * row * Math.max(1, cell.saved.length), 0, 1)],
    ['d_output', drawUniform('d_output', steps * row, -1, 1)],
  ]);
}

/** Numbers in ±1, those of states that are never negative made positive; a section for each state. */
function liftStates(cell: Cell, values: Float32Array, sectionSize: number): Float32Array {
  for (const name of cell.positiveStates ?? []) {
    const begin = cell.states.indexOf(name) * sectionSize;
    const own = values.subarray(begin, begin + sectionSize);
    own.set(own.map((value) => 1.5 + value));
  }
  return values;
}

/** The last row's states out of a history. */
function takeHistory(
  values: Float32Array,
  attributes: RecurrenceAttributes,
  single: RecurrenceAttributes,
): Float32Array {
  const { steps, batch, hiddenSize } = attributes;
  const [from, to] = [layOutHistory(attributes), layOutHistory(single)];
  const taken = new Float32Array(to.sections * to.sectionSize);
  for (let section = 0; section < to.sections; section++) {
    for (let position = 0; position <= steps; position++) {
      const begin = section * from.sectionSize + from.slot(position) + (batch - 1) * hiddenSize;
      const target = section * to.sectionSize + to.slot(position);
      taken.set(values.subarray(begin, begin + hiddenSize), target);
    }
  }
  return taken;
}

function defineParameter(name: string, shape: readonly number[]): SymbolicTensor {
  return parameter({ name, shape, initialize: (_shape) => new Float32Array() });
}

function defineWeight({ cell, hiddenSize }: RecurrenceAttributes): SymbolicTensor {
  const shape = cell.multiplies ? [cell.gates.length * hiddenSize, hiddenSize] : [1];
  return defineParameter('weight', shape);
}

function defineBias(attributes: RecurrenceAttributes): SymbolicTensor {
  return defineParameter('bias', [biasRows(attributes) * attributes.hiddenSize]);
}

function buildForward(
  attributes: RecurrenceAttributes,
  inputs: Numbers,
  parameters: Numbers,
): ProbeGraph {
  const { cell, steps, batch, hiddenSize } = attributes;
  const sources = [
    input('projected', [steps, batch, cell.inputGates * hiddenSize]),
    defineWeight(attributes),
    input('initial', [cell.states.length, batch, hiddenSize]),
    defineBias(attributes),
  ];
  const [y, , , saved] = applyOperator(recurrenceOperator, sources, attributes, 'recurrence');
  const outputs = new Map([['y', y as SymbolicTensor]]);
  // Training keeps them; a cell may have none.
  if (cell.saved.length > 0) outputs.set('saved', saved as SymbolicTensor);
  return { outputs, inputs, parameters };
}

function buildBackward(
  attributes: RecurrenceAttributes,
  inputs: Numbers,
  parameters: Numbers,
): ProbeGraph {
  const { cell, steps, batch, hiddenSize } = attributes;
  const { sections, sectionSize } = layOutHistory(attributes);
  const sources = [
    defineWeight(attributes),
    input('history', [sections * sectionSize]),
    input('saved', [steps, batch, Math.max(1, cell.saved.length), hiddenSize]),
    input('d_output', [steps, batch, hiddenSize]),
    ...(cell.parameters.length > 0 ? [defineBias(attributes)] : []),
  ];
  const [dProjected, dRecurrent] = applyOperator(
    recurrenceGradient,
    sources,
    { ...attributes, hasOutputGradient: true, hasFinalGradient: false },
    'gradient',
  );
  const outputs = new Map([['d_recurrent', dRecurrent as SymbolicTensor]]);
  if (cell.gradientsApart) outputs.set('d_projected', dProjected as SymbolicTensor);
  return { outputs, inputs, parameters };
}
