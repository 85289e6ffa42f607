import { describe, expect, it } from 'vitest';
import { type CellName, cells } from '../../../src/cells/registry.ts';
import { OptionError } from '../../../src/errors.ts';
import { parameterOf } from '../../../src/graph/sources.ts';
import { sortNodes } from '../../../src/graph/tensor.ts';
import type { Tunable } from '../../../src/graph/tunable.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import { sequential } from '../../../src/layers/model.ts';
import { recurrent } from '../../../src/layers/recurrent.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { batches } from '../../../src/training/data.ts';
import { buildTrainingGraph, resolveLoss } from '../../../src/training/training-graph.ts';
import { collectTunables, type OpenChoice, workOf } from '../../../src/tuning/collect.ts';
import { makeProbe } from '../../../src/tuning/probe.ts';
import { takeRow } from '../../../src/tuning/probe-data.ts';
import { narrowLimits, wideLimits } from '../schedule/limits.ts';

const [T, B, V, H] = [3, 4, 5, 8];

/** What a training plan of two layers of a cell leaves open. */
function collectFor(cell: CellName, limits = narrowLimits): OpenChoice[] {
  const array = { values: new Int32Array(T * B), shape: [1, T, B] };
  const data = batches({ input: array, target: array });
  const layers = [oneHot(V), recurrent(cell, H, { layers: 2 }), linear(V)];
  const graph = buildTrainingGraph(sequential(layers), data, resolveLoss('cross-entropy'), false);
  return collectTunables((tuning) => {
    schedule(
      {
        name: 'train',
        parameters: graph.layout,
        outputs: new Map([['loss', graph.loss]]),
        gradients: graph.gradients,
      },
      { limits, tuning },
    );
  });
}

/** Keys that the plan of a probe asks for. */
function askedBy(tunable: Tunable, limits = narrowLimits): string[] {
  const probe = makeProbe(tunable);
  const parameters = sortNodes(probe.outputs.values()).flatMap((node) => parameterOf(node) ?? []);
  const keys: string[] = [];
  schedule(
    { name: 'probe', parameters: layOutParameters(parameters), outputs: probe.outputs },
    {
      limits,
      ...(probe.strategy && { strategy: probe.strategy }),
      tuning: ({ key }) => {
        keys.push(key);
        return undefined;
      },
    },
  );
  return keys;
}

describe('the choices that a plan leaves open', () => {
  it('are each listed once, with most work first', () => {
    const choices = collectFor('lstm');
    // Both layers' recurrent weights, and the second one's input weights.
    const shared = choices.find(({ tunable }) => tunable.key === 'matmul tn m=32 n=8 k=12');
    expect(shared?.launches).toBe(3);
    const work = choices.map(workOf);
    expect(work).toEqual([...work].sort((a, b) => b - a));
    expect(new Set(choices.map(({ tunable }) => tunable.key)).size).toBe(choices.length);
  });
});

describe.each(Object.keys(cells) as CellName[])('probes of the kernels of %s', (cell) => {
  it.each([
    ['narrow', narrowLimits],
    ['wide', wideLimits],
  ])('ask for the very kernel that they are to measure, %s', (_name, limits) => {
    const choices = collectFor(cell, limits);
    expect(choices.length).toBeGreaterThan(4);
    for (const { tunable } of choices) {
      expect(askedBy(tunable, limits)).toEqual([tunable.key]);
    }
  });

  it('have numbers for every source, and a last row that fits', () => {
    for (const { tunable } of collectFor(cell)) {
      const probe = makeProbe(tunable);
      for (const graph of [probe, probe.lastRow]) {
        for (const { label, outputs, op } of sortNodes(graph.outputs.values())) {
          if (op.name !== 'input' && op.name !== 'parameter') continue;
          const values = graph.inputs.get(label) ?? graph.parameters.get(label);
          expect(values?.length, `${tunable.key}: ${label}`).toBe(outputs[0]?.size);
        }
      }
      for (const [name, { size }] of probe.outputs) {
        expect(probe.lastRow.outputs.get(name)?.size).toBe(size / probe.rows);
      }
    }
  });
});

it('there is no probe for a kernel of somebody else', () => {
  const make = () => makeProbe({ kernel: 'attention' } as Tunable);
  expect(make).toThrow(OptionError);
  expect(make).toThrow(
    "tune: there is no measurement for kernel 'attention', expected matmul, recurrence-forward, " +
      'recurrence-backward. Its shape is left to the rule.',
  );
});

it('one row is taken out of the middle axis', () => {
  const values = Float32Array.from({ length: 12 }, (_none, at) => at);
  expect([...takeRow(values, 2, 3, 2)]).toEqual([4, 5, 10, 11]);
});
