import { describe, expect, it } from 'vitest';
import type { Cell, CellGradient, CellStep } from '../../../src/cells/cell.ts';
import { coversGates, normOf } from '../../../src/cells/normalized.ts';
import { cells } from '../../../src/cells/registry.ts';
import { cellParts } from '../../../src/kernels/generated/parts.ts';
import { firstVectorOf } from '../../../src/ops/recurrence-shape.ts';
import { Random } from '../../../src/random.ts';
import {
  cellOptionVariants,
  cellVariants,
  liftStates,
  scanVariants,
} from '../../device-cases/core-variants.ts';
import { readConstants, sourceOf } from './cell-wgsl.ts';

interface Point {
  readonly x: Float64Array;
  readonly u: Float64Array;
  readonly state: Float64Array;
  readonly parameters: Float64Array;
}

function drawPoint(cell: Cell, seed: number): Point {
  const random = new Random(seed, 1);
  const draw = (count: number) =>
    Float64Array.from({ length: count }, () => 3 * random.uniform() - 1.5);
  return {
    x: draw(cell.gates.length),
    u: draw(cell.gates.length),
    state: liftStates(cell, draw(cell.states.length)),
    parameters: draw(cell.parameters.length),
  };
}

/** Whether a phase finds the vector of the one before normalised. */
function findsVector(cell: Cell, phase: number): boolean {
  const norm = normOf(cell, phase);
  return norm !== undefined && !coversGates(cell, norm);
}

/** All phases of one step. `vectors` holds what each phase but the last hands to the next. */
function stepForward(cell: Cell, point: Point): CellStep & { vectors: number[] } {
  const step = {
    ...point,
    saved: new Float64Array(cell.saved.length),
    next: new Float64Array(cell.states.length),
    vector: 0,
  };
  const vectors = cell.phases.map((_range, phase) => {
    if (!findsVector(cell, phase)) step.vector = 0;
    cell.forward(phase, step);
    return step.vector;
  });
  return Object.assign(step, { vectors: vectors.slice(0, -1) });
}

/** Weights of the loss Σ weight·next + Σ weight·vector, each output with a weight of its own. */
const weightOf = (index: number): number => 0.7 + 0.4 * index;

function lossAt(cell: Cell, point: Point): number {
  const { next, vectors } = stepForward(cell, point);
  return [...next, ...vectors].reduce((sum, value, index) => sum + weightOf(index) * value, 0);
}

/** Gradient of the loss from the cell's own backward, phase by phase from the last to the first. */
function stepBackward(cell: Cell, point: Point): CellGradient {
  const { saved, next } = stepForward(cell, point);
  const states = cell.states.length;
  const gradient = {
    saved,
    state: point.state,
    next,
    dNext: Float64Array.from({ length: states }, (_none, index) => weightOf(index)),
    dVector: 0,
    dx: new Float64Array(cell.gates.length),
    du: new Float64Array(cell.gates.length),
    dState: new Float64Array(states),
    parameters: point.parameters,
    dParameters: new Float64Array(cell.parameters.length),
  };
  for (let phase = cell.phases.length - 1; phase >= 0; phase--) {
    const isLast = phase === cell.phases.length - 1;
    gradient.dNext.set(Array.from({ length: states }, (_none, i) => (isLast ? weightOf(i) : 0)));
    // What the next phase finds normalised goes straight there: norms are the recurrence's affair.
    const passed = findsVector(cell, phase + 1) ? gradient.dVector : 0;
    gradient.dVector = isLast ? 0 : weightOf(states + phase) + passed;
    cell.backward(phase, gradient);
  }
  return gradient;
}

describe.each([...cellVariants, ...cellOptionVariants])('$name', ({ cell }) => {
  it('has the gradient that central differences give', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const point = drawPoint(cell, seed);
      const { dx, du, dState, dParameters } = stepBackward(cell, point);
      for (const [values, got] of [
        [point.x.subarray(0, cell.inputGates), dx],
        [point.u, du],
        [point.state, dState],
        [point.parameters, dParameters],
      ] as const) {
        for (const [at, value] of values.entries()) {
          const delta = 1e-6;
          values[at] = value + delta;
          const above = lossAt(cell, point);
          values[at] = value - delta;
          const below = lossAt(cell, point);
          values[at] = value;
          expect(got[at], `seed ${seed}, element ${at}`).toBeCloseTo(
            (above - below) / (2 * delta),
            7,
          );
        }
      }
    }
  });

  it('keeps the gradients of W·x and W·v apart exactly if they, or their rows, differ', () => {
    const differs = Array.from({ length: 20 }, (_none, seed) => {
      const { dx, du } = stepBackward(cell, drawPoint(cell, seed));
      return dx.subarray(0, cell.inputGates).some((value, gate) => value !== du[gate]);
    });
    const hasOtherRows = cell.parameters.length > 0 || cell.inputGates < cell.gates.length;
    expect(differs.includes(true) || hasOtherRows).toBe(cell.gradientsApart);
  });

  it('sets every state, h first, in phases that cover its gates one after another', () => {
    const step = { ...drawPoint(cell, 3), saved: new Float64Array(cell.saved.length), vector: 0 };
    const next = new Float64Array(cell.states.length).fill(Number.NaN);
    for (const phase of cell.phases.keys()) cell.forward(phase, { ...step, next });
    expect(next.every(Number.isFinite)).toBe(true);
    expect(cell.states[0]).toBe('h');
    expect(cell.phases.map(([begin]) => begin)).toEqual([
      0,
      ...cell.phases.slice(0, -1).map(([, end]) => end),
    ]);
    expect(cell.phases.at(-1)?.[1]).toBe(cell.gates.length);
  });

  it('declares which states its WGSL reads', () => {
    const source = sourceOf(cell);
    const bodies = (direction: string) =>
      [...source.matchAll(new RegExp(`^fn \\w+_${direction}\\([\\s\\S]*?^}`, 'gm'))].join('\n');
    const [forward, backward] = [bodies('forward'), bodies('backward')];
    const reads = (name: string) =>
      source.match(
        new RegExp(`const ${name} = array<bool, ${cell.states.length}>\\(([^)]*)\\);`),
      )?.[1];
    const names = new Map(
      [...source.matchAll(/const ([A-Z]): u32 = (\d+)u;/g)].map(([, name, value]) => [name, value]),
    );
    const used = (text: string, field: string) =>
      cell.states.map((_, state) =>
        [...text.matchAll(new RegExp(`\\b(?:step|gradient)\\.${field}\\[(\\w+)\\]`, 'g'))].some(
          ([, index = '']) => (names.get(index) ?? index) === String(state),
        ),
      );
    expect(reads('forward_reads_state')).toBe(used(forward, 'state').join(', '));
    expect(reads('backward_reads_state')).toBe(used(backward, 'state').join(', '));
    expect(reads('backward_reads_next')).toBe(used(backward, 'next').join(', '));
  });

  it('declares in WGSL what it is in TypeScript', () => {
    const { constants } = cellParts[cell.shader] as (typeof cellParts)[string];
    const { scalar, list } = readConstants(cell);
    expect(scalar('gates')).toBe(cell.gates.length);
    expect(scalar('input_gates')).toBe(cell.inputGates);
    expect(scalar('states')).toBe(cell.states.length);
    expect(scalar('saved_values')).toBe(cell.saved.length);
    expect(scalar('parameters')).toBe(cell.parameters.length);
    expect(scalar('phases')).toBe(cell.phases.length);
    expect(scalar('multiplies')).toBe(Number(cell.multiplies));
    expect(scalar('masks_vector')).toBe(Number(cell.masksVector));
    expect(scalar('gradients_apart')).toBe(Number(cell.gradientsApart));
    expect(list('state_phase')).toEqual(cell.statePhases);
    expect(list('phase_gates')).toEqual([0, ...cell.phases.map(([, end]) => end)]);
    expect(list('saved_phase')?.slice(0, cell.saved.length)).toEqual(phaseOfSaved(cell));
    expect(scalar('first_vector')).toBe(firstVectorOf(cell));
    expect(list(cell.norms ? 'input_gradient_phase' : 'gradient_phase')).toEqual(
      phaseOfGradients(cell),
    );
    const kindOf = (type: unknown) => type === 'bool' || type === true || type === false;
    expect(Object.keys(constants).sort()).toEqual(Object.keys(cell.constants).sort());
    for (const [name, value] of Object.entries(cell.constants)) {
      expect(kindOf(value), name).toBe(kindOf(constants[name]));
    }
  });
});

/** In which phase the cell sets each saved value. */
function phaseOfSaved(cell: Cell): number[] {
  const step = {
    ...drawPoint(cell, 5),
    saved: new Float64Array(cell.saved.length).fill(Number.NaN),
  };
  const full = { ...step, next: new Float64Array(cell.states.length), vector: 0 };
  const phases = cell.saved.map(() => -1);
  for (const phase of cell.phases.keys()) {
    const norm = normOf(cell, phase);
    if (norm) full.saved.set([0, 1], norm.statistics);
    cell.forward(phase, full);
    for (const [index, value] of full.saved.entries()) {
      if (phases[index] === -1 && !Number.isNaN(value)) phases[index] = phase;
    }
  }
  return phases;
}

/** In which phase the cell sets each gate's gradient. */
function phaseOfGradients(cell: Cell): number[] {
  const point = drawPoint(cell, 5);
  const { saved, next } = stepForward(cell, point);
  const ones = (count: number) => new Float64Array(count).fill(1);
  const missing = () => new Float64Array(cell.gates.length).fill(Number.NaN);
  const gradient: CellGradient = {
    saved,
    state: point.state,
    next,
    dNext: ones(cell.states.length),
    dVector: 1,
    dx: missing(),
    du: missing(),
    dState: ones(cell.states.length),
    parameters: point.parameters,
    dParameters: new Float64Array(cell.parameters.length),
  };
  const phases = cell.gates.map(() => -1);
  for (let phase = cell.phases.length - 1; phase >= 0; phase--) {
    cell.backward(phase, gradient);
    for (const gate of cell.gates.keys()) {
      const ofInput = gate < cell.inputGates ? gradient.dx[gate] : 0;
      const isSet = !Number.isNaN(ofInput) && !Number.isNaN(gradient.du[gate]);
      if (phases[gate] === -1 && isSet) phases[gate] = phase;
    }
  }
  return phases;
}

describe('the registry', () => {
  it('has cells under their own names, with a summary and formulas, and no WGSL without a cell', () => {
    for (const [name, definition] of Object.entries(cells)) {
      expect(definition.name).toBe(name);
      expect(definition.summary).not.toBe('');
      expect(definition.formulas.length).toBeGreaterThan(0);
    }
    const used = new Set([...cellVariants, ...scanVariants].map(({ cell }) => cell.shader));
    expect([...used].sort()).toEqual(Object.keys(cellParts).sort());
  });

  it('has the default first among its kinds, and a choice for every option', () => {
    for (const definition of Object.values(cells)) {
      const { variants, options, optionNames } = definition;
      const [plain, chosen] = [definition.create({}), definition.create(variants[0] ?? {})];
      expect(plain.shader).toBe(chosen.shader);
      expect(plain.constants).toEqual(chosen.constants);
      const covered = [...variants, ...options].flatMap((choice) => Object.keys(choice));
      expect([...new Set(covered)].sort()).toEqual([...optionNames].sort());
    }
  });

  it('refuses unknown options and values by name', () => {
    expect(() => cells.gru.create({ reset: 'never' })).toThrow(
      "gru: option reset is \"never\", expected one of 'after', 'before'.",
    );
    expect(() => cells.rnn.create({ nonlinearity: 'gelu' })).toThrow(
      'rnn: activations: activation "gelu" is unknown, expected one of tanh, sigmoid, relu, hardsigmoid, affine, ' +
        'leakyrelu, thresholdedrelu, elu, softsign, softplus, scaledtanh.',
    );
    expect(() => cells.lstm.create({ peephole: true })).toThrow(
      "lstm: unknown cell option 'peephole'; it knows activations, clip, peepholes, inputForget, projectionSize, " +
        'layerNorm. Remove it.',
    );
    expect(() => cells.gru.create({ rest: 'after' })).toThrow(
      "gru: unknown cell option 'rest'; it knows reset, update, activations, clip, layerNorm. Remove it.",
    );
    expect(cells.gru.create({ reset: undefined }).shader).toBe('gru-reset-after');
  });

  it('states in one row what PyTorch computes', () => {
    // torch.nn.GRUCell / LSTMCell with one unit, W·x + b = x and R·h + b = u given.
    const step = (cell: Cell, x: number[], u: number[], state: number[]) => {
      const point = [x, u, state].map((values) => Float64Array.from(values));
      return [...stepForward(cell, { x: point[0], u: point[1], state: point[2] } as Point).next];
    };
    const σ = (value: number) => 1 / (1 + Math.exp(-value));
    const [r, z] = [σ(0.1 + 0.4), σ(0.2 + 0.5)];
    const n = Math.tanh(0.3 + r * 0.6);
    const [h] = step(cells.gru.create({}), [0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.9]);
    expect(h).toBeCloseTo((1 - z) * n + z * 0.9, 14);
    const c = σ(0.2) * 0.5 + σ(0.1) * Math.tanh(0.3);
    const lstm = step(cells.lstm.create({}), [0.1, 0.2, 0.3, 0.4], [0, 0, 0, 0], [0.9, 0.5]);
    expect(lstm[0]).toBeCloseTo(σ(0.4) * Math.tanh(c), 14);
    expect(lstm[1]).toBeCloseTo(c, 14);
    const rnn = cells.rnn.create({ nonlinearity: 'relu' });
    expect(step(rnn, [0.5], [0.25], [0])).toEqual([0.75]);
    expect(step(rnn, [0.5], [-0.75], [0])).toEqual([0]);
  });
});
