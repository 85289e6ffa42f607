import { describe, expect, it } from 'vitest';
import type { CellName } from '../../../src/cells/registry.ts';
import { input, parameterOf } from '../../../src/graph/sources.ts';
import { type SymbolicTensor, sortNodes } from '../../../src/graph/tensor.ts';
import { dropout } from '../../../src/layers/basic.ts';
import { buildModel } from '../../../src/layers/build.ts';
import { mergeModes } from '../../../src/layers/merge.ts';
import { model, sequential } from '../../../src/layers/model.ts';
import { gru, lstm, type RecurrentLayer, recurrent, rnn } from '../../../src/layers/recurrent.ts';
import type { RecurrentState } from '../../../src/layers/recurrent-state.ts';
import { add, multiply } from '../../../src/ops/binary.ts';
import { concat } from '../../../src/ops/concat.ts';
import { detach } from '../../../src/ops/detach.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { sum } from '../../../src/ops/reduce.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import { square } from '../../../src/ops/unary.ts';
import { Random } from '../../../src/random.ts';
import { evaluateGraph } from '../../../src/reference/interpreter.ts';
import { parameterGradientError } from '../core-ops/parameter-check.ts';

const [STEPS, BATCH, SIZE] = [4, 3, 2];
const floats = { shape: [STEPS, BATCH, SIZE], dtype: 'f32' } as const;
const noise = (size: number, stream = 0) => {
  const random = new Random(5, stream);
  return Float64Array.from({ length: size }, () => 2 * random.uniform() - 1);
};
const inputs = new Map([
  ['x', noise(STEPS * BATCH * SIZE)],
  ['h', noise(2 * BATCH * 3, 1)],
  ['c', noise(2 * BATCH * 3, 2)],
]);

type Define = (x: SymbolicTensor) => SymbolicTensor;

function traceOf(define: Define, mode: 'training' | 'inference' = 'inference') {
  return model(({ x }) => define(x as SymbolicTensor)).trace({ x: floats }, { mode }).outputs
    .output as SymbolicTensor;
}

/** Every parameter by its name alone, so that layers of equal names compute with equal weights. */
function valuesOf(outputs: readonly SymbolicTensor[], context = {}) {
  const parameters = new Map<string, Float64Array>();
  for (const node of sortNodes(outputs)) {
    const found = parameterOf(node);
    if (found) {
      const [{ size }] = node.outputs as [SymbolicTensor];
      parameters.set(found.name, noise(size, found.name.length * 7 + found.name.charCodeAt(0)));
    }
  }
  const values = evaluateGraph(outputs, { inputs, parameters, ...context });
  return outputs.map((tensor) => [...(values.get(tensor) as Float64Array)]);
}

const gradientErrorOf = (define: Define, mode: 'training' | 'inference' = 'inference') =>
  parameterGradientError(sum(square(traceOf(define, mode))), { inputs, seed: 3, step: 2 });

describe('merge', () => {
  const directions = { direction: 'bidirectional', name: 'layer' } as const;

  it.each(mergeModes)('%s gives what the directions give apart, put together', (merge) => {
    const layer = gru(3, { ...directions, merge });
    const { outputs } = model(({ x }) => {
      const result = layer.run(x as SymbolicTensor);
      const [forward, reverse] = result.outputs as [SymbolicTensor, SymbolicTensor];
      return merge === 'separate' ? { forward, reverse } : { forward, reverse, y: result.output };
    }).trace({ x: floats });
    const [forward, reverse, y] = valuesOf(Object.values(outputs)) as [
      number[],
      number[],
      number[]?,
    ];
    expect(forward).not.toEqual(reverse);
    const expected: Record<string, (a: number, b: number) => number> = {
      sum: (a, b) => a + b,
      mean: (a, b) => (a + b) / 2,
      multiply: (a, b) => a * b,
    };
    const rows = Array.from({ length: STEPS * BATCH }, (_, row) => [3 * row, 3 * row + 3] as const);
    const joined = rows.flatMap((row) => [...forward.slice(...row), ...reverse.slice(...row)]);
    const compute = expected[merge];
    if (merge !== 'separate') {
      expect(y).toEqual(compute ? forward.map((a, i) => compute(a, reverse[i] as number)) : joined);
    }
    const width = merge === 'concat' ? 6 : 3;
    if (merge !== 'separate') expect(outputs.y?.shape).toEqual([STEPS, BATCH, width]);
  });

  it.each(mergeModes.filter((mode) => mode !== 'separate'))(
    '%s in a stack has the right gradients',
    (merge) => {
      const layer = lstm(2, { direction: 'bidirectional', layers: 2, merge });
      expect(gradientErrorOf((x) => layer(x))).toBeLessThan(1e-7);
    },
  );

  it('separate outputs have gradients of their own', () => {
    const layer = rnn(2, { direction: 'bidirectional', merge: 'separate' });
    const error = gradientErrorOf((x) => {
      const [forward, reverse] = layer.run(x).outputs as [SymbolicTensor, SymbolicTensor];
      return multiply(forward, square(reverse));
    });
    expect(error).toBeLessThan(1e-7);
  });

  it('of a stack sets the width that the next layer reads', () => {
    const names = (merge: 'concat' | 'sum') => {
      const layer = gru(3, { direction: 'bidirectional', layers: 2, merge });
      const { parameters } = sequential([layer]).trace({ input: floats });
      return parameters.get('gru.weight_ih_l1')?.parameter.shape;
    };
    expect(names('concat')).toEqual([9, 6]);
    expect(names('sum')).toEqual([9, 3]);
  });
});

describe('residual', () => {
  it('adds each layer’s input to its output, the first layer left out', () => {
    const layer = lstm(3, { layers: 3, residual: true });
    const plain = [0, 1, 2].map((index) => lstm(3, { name: `plain${index}` }));
    const [a, b, c] = plain as [RecurrentLayer, RecurrentLayer, RecurrentLayer];
    const trace = model(({ x }) => {
      const first = a(x as SymbolicTensor);
      const second = add(b(first), first);
      return { got: layer(x as SymbolicTensor), expected: add(c(second), second) };
    }).trace({ x: floats });
    const parameters = new Map<string, Float64Array>();
    for (const [name, { tensor }] of trace.parameters) {
      const key = name.replace(/^lstm\.(.*)_l(\d)$/, 'plain$2.$1_l0');
      const stream = [...key].reduce((hash, letter) => 31 * hash + letter.charCodeAt(0), 7) >>> 0;
      parameters.set(name, noise(tensor.size, stream));
    }
    const { got, expected } = trace.outputs as Record<string, SymbolicTensor>;
    const values = evaluateGraph([got as SymbolicTensor, expected as SymbolicTensor], {
      inputs,
      parameters,
    });
    expect(values.get(got as SymbolicTensor)).toEqual(values.get(expected as SymbolicTensor));
  });

  it.each(['rnn', 'gru'] as CellName[])(
    'of %s has the right gradients, dropout included',
    (cell) => {
      for (const direction of ['forward', 'bidirectional'] as const) {
        const layer = recurrent(cell, 2, { layers: 3, residual: true, dropout: 0.3, direction });
        expect(gradientErrorOf((x) => layer(x), 'training')).toBeLessThan(1e-7);
      }
    },
  );

  it('goes around dropout', () => {
    const layer = rnn(2, { layers: 2, residual: true, dropout: 0.5, name: 'r' });
    const output = traceOf((x) => layer(x), 'training');
    const [, below] = output.node.inputs as [SymbolicTensor, SymbolicTensor];
    expect([output.node.label, below.node.label]).toEqual(['r/residual_l1', 'r/recurrence_l0']);
  });
});

describe('states', () => {
  const start = (names: readonly string[]): RecurrentState =>
    Object.fromEntries(names.map((name) => [name, input(name, [2, BATCH, 3])]));

  it.each([[['h']], [['c']], [['h', 'c']]])('given as %j start the others at zero', (names) => {
    const layer = lstm(3, { layers: 2, name: 'layer' });
    const run = (given: RecurrentState) => {
      const { outputs } = model(({ x }) => {
        const { output, state } = layer.run(x as SymbolicTensor, given);
        return { output, ...state };
      }).trace({ x: floats });
      return Object.values(outputs);
    };
    const zeros = new Map(inputs);
    for (const name of ['h', 'c']) {
      if (!names.includes(name)) zeros.set(name, new Float64Array(2 * BATCH * 3));
    }
    const got = valuesOf(run(start(names)));
    expect(got).toEqual(valuesOf(run(start(['h', 'c'])), { inputs: zeros }));
    expect(got).not.toEqual(valuesOf(run({})));
  });

  it('that end a stack have gradients, to parameters and to the states it began with', () => {
    const layer = lstm(2, { layers: 2, direction: 'bidirectional' });
    const error = gradientErrorOf((x) => {
      const first = layer.run(x);
      const { h, c } = layer.run(first.outputs[0] as SymbolicTensor, first.state).state;
      const flat = [h, c].map((tensor) => reshape(tensor as SymbolicTensor, [4 * BATCH * 2]));
      return concat(flat);
    });
    expect(error).toBeLessThan(1e-7);
  });

  it('that are detached keep their values and let no gradient through', () => {
    const [encoder, decoder] = [gru(3, { name: 'encoder' }), gru(3, { name: 'decoder' })];
    const build = (cut: (state: SymbolicTensor) => SymbolicTensor) =>
      model(({ x }) => {
        const { h } = encoder.run(x as SymbolicTensor).state;
        return decoder.run(x as SymbolicTensor, { h: cut(h as SymbolicTensor) }).output;
      }).trace({ x: floats });
    const [whole, cut] = [build((h) => h), build((h) => detach(h))];
    const output = (trace: typeof whole) => trace.outputs.output as SymbolicTensor;
    expect(valuesOf([output(cut)])).toEqual(valuesOf([output(whole)]));
    const reached = (trace: typeof whole) => {
      const names = [...trace.parameters.keys()];
      const tensors = [...trace.parameters.values()].map(({ tensor }) => tensor);
      const gradients = differentiate(sum(output(trace)), tensors);
      return names.filter((_, index) => gradients[index]).map((name) => name.split('.')[0]);
    };
    expect(new Set(reached(whole))).toEqual(new Set(['encoder', 'decoder']));
    expect(new Set(reached(cut))).toEqual(new Set(['decoder']));
  });
});

describe('dropout of inputs and of recurrent weights', () => {
  const dropped = (layer: RecurrentLayer, mode: 'training' | 'inference') =>
    sortNodes([traceOf((x) => layer(x), mode)])
      .filter(({ op }) => op.name === 'dropout')
      .map(({ label, outputs }) => `${label} [${outputs[0]?.shape.join(', ')}]`)
      .sort();

  it('is there while training only, once per layer and once per weight', () => {
    const options = { layers: 2, direction: 'bidirectional', name: 'r' } as const;
    const layer = rnn(3, { ...options, inputDropout: 0.2, weightDropout: 0.3 });
    expect(dropped(layer, 'inference')).toEqual([]);
    expect(dropped(layer, 'training')).toEqual([
      'r/input_dropout_l0 [4, 3, 2]',
      'r/input_dropout_l1 [4, 3, 6]',
      'r/weight_dropout_l0 [3, 3]',
      'r/weight_dropout_l0_reverse [3, 3]',
      'r/weight_dropout_l1 [3, 3]',
      'r/weight_dropout_l1_reverse [3, 3]',
    ]);
  });

  it('has the right gradients', () => {
    for (const cell of ['lstm', 'gru'] as const) {
      const layer = recurrent(cell, 2, { layers: 2, inputDropout: 0.3, weightDropout: 0.4 });
      expect(gradientErrorOf((x) => layer(x), 'training')).toBeLessThan(1e-7);
    }
  });

  it('of inputs is the same at all time steps', () => {
    const layer = rnn(3, { inputDropout: 0.5 });
    const nodes = sortNodes([traceOf((x) => layer(x), 'training')]);
    const mask = nodes.find(({ op }) => op.name === 'dropout')?.outputs[0] as SymbolicTensor;
    const ones = new Map([['x', new Float64Array(STEPS * BATCH * SIZE).fill(1)]]);
    const values = evaluateGraph([mask], { inputs: ones, seed: 1 }).get(mask) as Float64Array;
    const rows = Array.from({ length: STEPS }, (_, t) => [...values.slice(6 * t, 6 * t + 6)]);
    for (const row of rows) expect(row).toEqual(rows[0]);
    expect(new Set(values)).toEqual(new Set([0, 2]));
  });
});

describe('options', () => {
  it('survive as plain data', () => {
    const layers = [
      lstm(2, { layers: 2, direction: 'bidirectional', merge: 'mean', residual: true }),
      gru(2, { inputDropout: 0.1, weightDropout: 0.2 }),
      dropout(0.5, { perSequence: true }),
    ];
    const config = JSON.parse(JSON.stringify(sequential(layers).config));
    expect(buildModel(config).config).toEqual(config);
    expect(config[0]).toMatchObject({ merge: 'mean', residual: true });
    expect(config[1]).toMatchObject({ inputDropout: 0.1, weightDropout: 0.2 });
    const traced = buildModel(config).trace({ input: floats }, { mode: 'training' });
    expect(traced.outputs.output?.node.attributes).toMatchObject({ perSequence: true });
  });

  it('that cannot work are refused, with what to do instead', () => {
    const cases: readonly [() => unknown, string][] = [
      [
        () => lstm(2, { direction: 'bidirectional', merge: 'average' as 'mean' }),
        "lstm: merge is 'average', expected one of 'concat', 'sum', 'mean', 'multiply', 'separate'.",
      ],
      [
        () => gru(2, { merge: 'sum' }),
        "gru: merge is 'sum' and direction 'forward', expected 'bidirectional': one direction has nothing to " +
          'merge. Leave merge out.',
      ],
      [
        () => gru(2, { merge: 'separate', direction: 'bidirectional', layers: 2 }),
        "gru: merge is 'separate' with 2 layers, expected 1: a layer reads one output of the layer below. Merge " +
          'below, and make the last layer a layer of its own.',
      ],
      [
        () => rnn(2, { residual: true }),
        'rnn: residual is true with 1 layer, expected at least 2: each layer above the first adds its input to ' +
          'its output. Around a single layer, write add(x, layer(x)) in model().',
      ],
      [
        () => rnn(2, { residual: 'yes' as unknown as boolean, layers: 2 }),
        'rnn: residual is yes, expected true or false.',
      ],
      [() => rnn(2, { inputDropout: 1 }), 'rnn: inputDropout is 1, expected a number in [0, 1).'],
      [
        () => rnn(2, { weightDropout: Number.NaN }),
        'rnn: weightDropout is NaN, expected a number in [0, 1).',
      ],
      [
        () =>
          sequential([lstm(2, { direction: 'bidirectional', merge: 'separate' })]).trace({
            input: floats,
          }),
        "lstm: merge is 'separate', and so there are two outputs in place of one. Take them from " +
          'run(x).outputs in model().',
      ],
    ];
    for (const [build, message] of cases) expect(build).toThrow(message);
  });
});
