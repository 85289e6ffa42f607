import { describe, expect, it } from 'vitest';
import { parameterOf } from '../../../src/graph/sources.ts';
import { type SymbolicTensor, sortNodes } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import { buildModel } from '../../../src/layers/build.ts';
import { model, sequential } from '../../../src/layers/model.ts';
import { gru, lstm, type RecurrentLayer } from '../../../src/layers/recurrent.ts';
import { gruCell, lstmCell } from '../../../src/layers/recurrent-cell.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { sum } from '../../../src/ops/reduce.ts';
import { square } from '../../../src/ops/unary.ts';
import { Random } from '../../../src/random.ts';
import { evaluateGraph } from '../../../src/reference/interpreter.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { parameterGradientError } from '../core-ops/parameter-check.ts';
import { narrowLimits } from '../schedule/limits.ts';

const [STEPS, BATCH, SIZE, HIDDEN] = [4, 3, 5, 6];
const floats = { shape: [STEPS, BATCH, SIZE], dtype: 'f32' } as const;
const noise = (size: number, stream: number) => {
  const random = new Random(9, stream);
  return Float64Array.from({ length: size }, () => 2 * random.uniform() - 1);
};
const layers: Readonly<Record<string, () => RecurrentLayer>> = {
  lstm: () => lstm(HIDDEN, { layerNorm: true }),
  'gru, reset after': () => gru(HIDDEN, { layerNorm: true }),
  'gru, reset before': () => gru(HIDDEN, { reset: 'before', layerNorm: true }),
};

/** Values of tensors, every parameter drawn by its name. */
function evaluateAll(
  tensors: readonly SymbolicTensor[],
  inputs: Readonly<Record<string, Float64Array | Int32Array>>,
) {
  const parameters = new Map<string, Float64Array>();
  for (const node of sortNodes(tensors)) {
    const found = parameterOf(node);
    if (!found) continue;
    const stream = [...found.name].reduce((total, letter) => 31 * total + letter.charCodeAt(0), 7);
    parameters.set(found.name, noise((node.outputs[0] as SymbolicTensor).size, stream % 65_521));
  }
  const values = evaluateGraph(tensors, { inputs: new Map(Object.entries(inputs)), parameters });
  return tensors.map((tensor) => [...(values.get(tensor) as Float64Array)]);
}

describe.each(Object.entries(layers))('%s with layer normalisation', (_name, build) => {
  it('has parameters with gains of 1 and the biases of PyTorch', () => {
    const { parameters } = sequential([build()]).trace({ input: floats });
    const gates = build().kind === 'lstm' ? 4 : 3;
    const shapes = Object.fromEntries(
      [...parameters].map(([name, { parameter }]) => [name.replace(/^\w+\./, ''), parameter.shape]),
    );
    expect(shapes).toEqual({
      weight_ih_l0: [gates * HIDDEN, SIZE],
      weight_hh_l0: [gates * HIDDEN, HIDDEN],
      bias_ih_l0: [gates * HIDDEN],
      bias_hh_l0: [gates * HIDDEN],
      norm_ih_l0: [gates * HIDDEN],
      norm_hh_l0: [gates * HIDDEN],
      ...(gates === 4 && { norm_c_l0: [HIDDEN], norm_c_bias_l0: [HIDDEN] }),
    });
    for (const [name, { parameter }] of parameters) {
      if (!name.includes('norm_')) continue;
      const first = new Set(parameter.initialize(parameter.shape, new Random(1, 1)));
      expect([...first], name).toEqual([name.includes('bias') ? 0 : 1]);
    }
  });

  it('has the right gradients in a stack of both directions, and alone without biases', () => {
    const { kind, config } = build();
    const { kind: _kind, hiddenSize: _size, ...options } = config as Record<string, unknown>;
    const make = kind === 'lstm' ? lstm : gru;
    for (const more of [{ layers: 2, direction: 'bidirectional' }, { bias: false }] as const) {
      const network = sequential([make(3, { ...options, ...more }), linear(2)]);
      const { outputs } = network.trace({ input: floats });
      const inputs = new Map([['input', noise(STEPS * BATCH * SIZE, 1)]]);
      const loss = sum(square(outputs.output as SymbolicTensor));
      expect(parameterGradientError(loss, { inputs })).toBeLessThan(1e-6);
    }
  });

  it('takes nothing from padding, whatever it holds, and gives it no gradient', () => {
    const layer = build();
    const { outputs } = model(({ x, lengths }) => {
      const { output } = layer.run(x as SymbolicTensor, {}, { lengths: lengths as SymbolicTensor });
      return { output };
    }).trace({ x: floats, lengths: { shape: [BATCH], dtype: 'i32' } });
    const output = outputs.output as SymbolicTensor;
    const nodes = sortNodes([output]);
    const x = nodes
      .flatMap((node) => node.outputs)
      .find(({ label }) => label === 'x') as SymbolicTensor;
    const parameters = nodes
      .filter((node) => parameterOf(node))
      .map((node) => node.outputs[0] as SymbolicTensor);
    const gradients = differentiate(sum(square(output)), [x, ...parameters]) as SymbolicTensor[];
    const lengths = Int32Array.of(4, 0, 2);
    const clean = noise(STEPS * BATCH * SIZE, 1);
    const isPadding = (at: number) => {
      const row = Math.floor(at / SIZE);
      return Math.floor(row / BATCH) >= (lengths[row % BATCH] as number);
    };
    const padded = clean.map((value, at) => (isPadding(at) ? 3e38 : value));
    const results = evaluateAll([output, ...gradients], { x: padded, lengths });
    expect(results).toEqual(evaluateAll([output, ...gradients], { x: clean, lengths }));
    const [, ofX] = results as [number[], number[]];
    expect(ofX.every((value, at) => !isPadding(at) || value === 0)).toBe(true);
  });

  it('gathers normalised rows of its weights for one-hot tokens, and gets the same', () => {
    const layer = build();
    const encode = oneHot(SIZE);
    const tokens = Int32Array.from({ length: STEPS * BATCH }, (_, at) => (at * at) % SIZE);
    const gathered = model(({ t }) => layer(encode(t as SymbolicTensor))).trace({
      t: { shape: [STEPS, BATCH], dtype: 'i32' },
    }).outputs.output as SymbolicTensor;
    const dense = model(({ x }) => layer(x as SymbolicTensor)).trace({ x: floats }).outputs
      .output as SymbolicTensor;
    const x = new Float64Array(STEPS * BATCH * SIZE);
    for (const [row, token] of tokens.entries()) x[row * SIZE + token] = 1;
    const [got] = evaluateAll([gathered], { t: tokens }) as [number[]];
    const [expected] = evaluateAll([dense], { x }) as [number[]];
    for (const [at, value] of expected.entries()) expect(got[at]).toBeCloseTo(value, 12);
    const ops = sortNodes([gathered]).map(({ op }) => op.name);
    expect(ops).toContain('embedding');
    expect(ops).not.toContain('one-hot-linear');
  });

  it('is built again from its config, and refuses zoneout of states that a norm ties together', () => {
    const { config } = sequential([build()]);
    expect(buildModel(config ?? []).config).toEqual(config);
    if (build().kind === 'gru') return;
    expect(() => lstm(4, { layerNorm: true, zoneout: 0.1 })).toThrow(
      "lstm: zoneout is 0.1, but this cell's states cannot be kept one by one (a projection or a norm makes h after c; " +
        'sLSTM normalises them together), expected 0. Use dropout or recurrentDropout.',
    );
  });
});

describe('precision f16', () => {
  it('is refused for a normalised cell, with what to do instead', () => {
    const { outputs, parameters } = sequential([lstm(4, { layerNorm: true })]).trace({
      input: floats,
    });
    const program = {
      name: 'normalised',
      parameters: layOutParameters([...parameters.values()].map(({ parameter }) => parameter)),
      outputs: new Map(Object.entries(outputs)),
    };
    const options = { limits: { ...narrowLimits, hasF16: true }, precision: 'f16' } as const;
    expect(() => schedule(program, options)).toThrow(
      "lstm/recurrence_l0: the cell normalises its products (layerNorm), and precision is 'f16', expected 'f32': the " +
        'gradients of rows with little variance do not fit into f16. Leave one of them out.',
    );
  });
});

describe('one step of a normalised cell', () => {
  it.each([
    [
      'lstm',
      () => lstmCell(HIDDEN, { layerNorm: true, name: 'n' }),
      () => lstm(HIDDEN, { layerNorm: true, name: 'n' }),
    ],
    [
      'gru',
      () => gruCell(HIDDEN, { layerNorm: true, name: 'n' }),
      () => gru(HIDDEN, { layerNorm: true, name: 'n' }),
    ],
  ] as const)('of %s is what the layer does', (_kind, buildCell, buildLayer) => {
    const values = (output: SymbolicTensor) => {
      const x = noise(BATCH * SIZE, 3);
      const parameters = new Map(
        sortNodes([output]).flatMap((node) => {
          const found = parameterOf(node);
          const name = found?.name.replace(/_l0$/, '') ?? '';
          const size = (node.outputs[0] as SymbolicTensor).size;
          return found
            ? [[found.name, noise(size, name.length * 3 + name.charCodeAt(5))] as const]
            : [];
        }),
      );
      const inputs = new Map([['x', x]]);
      return [...(evaluateGraph([output], { inputs, parameters }).get(output) as Float64Array)];
    };
    const cell = buildCell();
    const layer = buildLayer();
    const trace = (define: (x: SymbolicTensor) => SymbolicTensor, shape: number[]) =>
      model(({ x }) => define(x as SymbolicTensor)).trace({ x: { shape, dtype: 'f32' } }).outputs
        .output as SymbolicTensor;
    expect(values(trace(cell, [BATCH, SIZE]))).toEqual(values(trace(layer, [1, BATCH, SIZE])));
  });
});
