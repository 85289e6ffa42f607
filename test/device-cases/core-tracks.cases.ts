import type { Device } from '../../src/device/device.ts';
import type { Strategy } from '../../src/graph/operator.ts';
import { input } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import type { ShapeSource } from '../../src/graph/tunable.ts';
import { embedding, linear, oneHot } from '../../src/layers/basic.ts';
import type { Layer } from '../../src/layers/layer.ts';
import { model } from '../../src/layers/model.ts';
import { gru, type RecurrentLayer, recurrent } from '../../src/layers/recurrent.ts';
import { add, multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { sum } from '../../src/ops/reduce.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { initializeParameters } from '../../src/training/initialize.ts';
import { layoutOf } from '../../src/training/training-graph.ts';
import { assertEqual, assertTrue, casesOf, type DeviceCase, forEachOf } from './case.ts';
import { compareCore } from './core-rig.ts';
import { cellVariants, fullUnlessQuick, liftStates } from './core-variants.ts';
import { apartShapes, recurrencesOf } from './recurrence-rig.ts';
import { makeNoise } from './training-rig.ts';

const VOCABULARY = 6;

/** A recurrent layer between an encoder and a head, and what of it the loss reads. */
interface Stacked {
  readonly layer: () => RecurrentLayer;
  readonly encoder?: () => Layer;
  readonly steps: number;
  readonly batch: number;
  readonly hiddenSize: number;
  /** States of all layers and directions that it starts from, and whose gradients are compared. */
  readonly given?: { readonly names: readonly string[]; readonly rows: number };
  /** Final states that the loss reads beside the output. */
  readonly readsFinal?: boolean;
  readonly laneWidth?: number;
  /** Registers of an adapter of such lanes. Default: none known. */
  readonly registers?: number;
  readonly tuning?: ShapeSource;
}

/** Output and all gradients of a network on the device, against the reference. */
async function check(device: Device, stacked: Stacked, strategy?: Strategy): Promise<Plan> {
  const { steps, batch, hiddenSize, given, readsFinal, laneWidth, registers = 0, tuning } = stacked;
  const [encode, layer, head] = [
    (stacked.encoder ?? (() => embedding(VOCABULARY, 3)))(),
    stacked.layer(),
    linear(3),
  ];
  const states = Object.fromEntries(
    (given?.names ?? []).map((name) => {
      return [name, input(`initial_${name}`, [given?.rows as number, batch, hiddenSize])];
    }),
  );
  const weights = new Map<string, Float32Array>();
  const weigh = (tensor: SymbolicTensor, name: string) => {
    weights.set(name, makeNoise(tensor.size, 20 + weights.size));
    return sum(multiply(tensor, input(name, tensor.shape)));
  };
  const network = model(({ tokens }) => {
    const { output, state } = layer.run(encode(tokens as SymbolicTensor), states);
    const logits = head(output);
    let loss = weigh(logits, 'of_output');
    for (const [name, tensor] of readsFinal ? Object.entries(state) : []) {
      loss = add(loss, weigh(tensor, `of_${name}`));
    }
    return { logits, loss };
  });
  const traced = network.trace(
    { tokens: { shape: [steps, batch], dtype: 'i32' } },
    { mode: 'training' },
  );
  const { logits, loss } = traced.outputs as Record<'logits' | 'loss', SymbolicTensor>;
  const names = [...traced.parameters.keys()];
  const found = differentiate(loss, [
    ...names.map((name) => traced.parameters.get(name)?.tensor as SymbolicTensor),
    ...Object.values(states),
  ]);
  const ofStates = Object.keys(states).map((name, index) => {
    return [`d_initial_${name}`, found[names.length + index] as SymbolicTensor];
  });
  const parameters = [...initializeParameters(layoutOf(traced), 3)];
  const { plan } = await compareCore(
    device,
    { logits, ...Object.fromEntries(ofStates) },
    {
      kind: 'tracks',
      inputs: {
        tokens: Int32Array.from(
          { length: steps * batch },
          (_, index) => (index * index) % VOCABULARY,
        ),
        ...Object.fromEntries(weights),
        ...Object.fromEntries(
          Object.entries(states).map(([name, { size }]) => [
            `initial_${name}`,
            liftStates(
              { states: [name], positiveStates: [name].filter(isPositive) },
              makeNoise(size, 9),
            ),
          ]),
        ),
      },
      parameters: new Map(parameters.map(([name, data]) => [name, Float32Array.from(data)])),
      gradients: new Map(names.map((name, index) => [name, found[index] as SymbolicTensor])),
      ...(strategy && { strategy }),
      ...(laneWidth && { laneWidth, registers }),
      ...(tuning && { tuning }),
      steps: 3 * steps,
      fanIn: 4 * (hiddenSize + VOCABULARY),
    },
  );
  return plan;
}

const isPositive = (state: string) =>
  cellVariants.some(({ cell }) => cell.positiveStates?.includes(state));

/**
 * Cells that differ in more than a constant: vanilla, LSTM, the GRU with its two resets, sLSTM. The LSTM with a projection
 * has a case of its own.
 */
const cells = cellVariants.filter(
  ({ options, cell }) =>
    cell.gates.length === cell.inputGates &&
    options.update !== 'replace' &&
    options.nonlinearity !== 'relu' &&
    options.forget !== 'exponential',
);

const lstm = cells.find(({ kind }) => kind === 'lstm') as (typeof cells)[number];
const plainCells = cells.filter(({ cell }) => !cell.norms);

/** Extents of 1, odd, more rows than a thread holds, more units than a tile, fewer steps than layers. */
const oddSize = { steps: 2, batch: 3, hiddenSize: 5, layers: 3 } as const;
const moreSizes = [
  { steps: 1, batch: 1, hiddenSize: 1, layers: 2 },
  { steps: 7, batch: 9, hiddenSize: 6, layers: 2 },
] as const;
const directions = ['forward', 'reverse'] as const;
type Size = typeof oddSize | (typeof moreSizes)[number];

const build = (
  { kind, options }: (typeof cells)[number],
  { hiddenSize, ...more }: { readonly hiddenSize: number } & Parameters<typeof recurrent>[2],
) => recurrent(kind as 'lstm', hiddenSize, { ...options, ...more });

async function checkWavefront(
  device: Device,
  cell: (typeof cells)[number],
  sizes: readonly Size[],
) {
  await forEachOf(sizes, async ({ layers, hiddenSize, ...size }) => {
    for (const direction of directions) {
      const layer = () => build(cell, { hiddenSize, layers, direction });
      const plan = await check(device, { layer, hiddenSize, ...size }, 'wavefront');
      for (const { node, choice } of plan.decisions) {
        assertTrue(choice.startsWith(`wavefront of ${layers} layers`), `${node} is ${choice}`);
      }
      // A chunk is a third of the steps here.
      const waves = Math.min(size.steps, 3) + layers - 1;
      assertEqual(recurrencesOf(plan).length, 2 * waves, 'dispatches of recurrences');
    }
  });
}

async function checkDirections(
  device: Device,
  cell: (typeof cells)[number],
  sizes: readonly Size[],
) {
  await forEachOf(sizes, async ({ layers, hiddenSize, ...size }) => {
    for (const strategy of ['persistent', 'stepwise'] as const) {
      const both = { hiddenSize, layers, direction: 'bidirectional' } as const;
      const stacked = { layer: () => build(cell, both), hiddenSize, ...size };
      const plan = await check(device, stacked, strategy);
      for (const { label, workgroups } of recurrencesOf(plan)) {
        assertEqual(workgroups[2], 2, `tracks of ${label}`);
      }
    }
  });
}

async function checkStates(device: Device, cell: (typeof cells)[number]) {
  const size = { steps: 4, batch: 2, hiddenSize: 5 };
  const names = cell.cell.states;
  const stacked = () => build(cell, { hiddenSize: 5, layers: 3 });
  const both = () => build(cell, { hiddenSize: 5, layers: 2, direction: 'bidirectional' });
  const up = { layer: stacked, ...size, given: { names, rows: 3 }, readsFinal: true };
  const sides = { layer: both, ...size, given: { names, rows: 4 }, readsFinal: true };
  await check(device, up, 'wavefront');
  for (const strategy of ['persistent', 'stepwise'] as const) {
    await check(device, sides, strategy);
    await check(device, up, strategy);
  }
}

export const cases: readonly DeviceCase[] = [
  ...cells.flatMap((cell): DeviceCase[] => [
    {
      name: `${cell.name}: stacked layers as a wavefront, either direction`,
      ...fullUnlessQuick(cell),
      run: (device) => checkWavefront(device, cell, [oddSize]),
    },
    {
      name: `${cell.name}: both directions in the same dispatches`,
      ...fullUnlessQuick(cell),
      run: (device) => checkDirections(device, cell, [oddSize]),
    },
    {
      name: `${cell.name}: tracks of one step and of more rows than a thread holds`,
      full: true,
      async run(device) {
        // Of one unit a norm's row is its gates: too few for float32 to tell what is right.
        const sizes = cell.cell.norms ? moreSizes.slice(1) : moreSizes;
        await checkWavefront(device, cell, sizes);
        await checkDirections(device, cell, sizes);
      },
    },
    {
      name: `${cell.name}: states in and out of tracks, with their gradients`,
      // The cell with two states does for the kernels.
      ...(cell.cell.states.length !== 2 && { full: true }),
      ...fullUnlessQuick(cell),
      run: (device) => checkStates(device, cell),
    },
  ]),
  {
    name: 'a wavefront of single steps, and tiles that units do not fill',
    full: true,
    async run(device) {
      // More units than a workgroup walks by itself, in the cell with two phases.
      const cell = cells.find(
        ({ cell: { phases, norms } }) => phases.length > 1 && !norms,
      ) as (typeof cells)[number];
      const size = { steps: 3, batch: 2, hiddenSize: 260 };
      const layer = () => build(cell, { hiddenSize: 260, layers: 2 });
      const plan = await check(device, { layer, ...size }, 'wavefront');
      const words = plan.decisions.map(({ choice }) => choice);
      assertTrue(
        words.every((choice) => choice.includes('stepwise')),
        words.join(),
      );
    },
  },
  ...casesOf(
    'dropout between the layers of a wavefront, drawn chunk by chunk',
    {
      // The directions differ in the order of the chunks alone.
      quick: plainCells.map((cell, at) => ({ cell, direction: directions[at % 2] })),
      full: cells.map((cell, at) => ({ cell, direction: directions[(at + 1) % 2] })),
    },
    async (device, { cell, direction = 'forward' }) => {
      // Chunks of odd sizes: they begin amid blocks of random numbers.
      const size = { steps: 7, batch: 3, hiddenSize: 5 };
      const layer = () => build(cell, { hiddenSize: 5, layers: 3, dropout: 0.4, direction });
      const plan = await check(device, { layer, ...size }, 'wavefront');
      const dropouts = plan.launches.filter(({ kernel }) => kernel === 'dropout');
      assertTrue(dropouts.length > 4, `${dropouts.length} launches of dropout`);
    },
  ),
  ...casesOf(
    'one-hot tokens into tracks, with and without biases',
    {
      quick: plainCells.slice(0, 2).map((cell, at) => ({ cell, bias: at === 0 })),
      full: cells.flatMap((cell, at) =>
        [true, false]
          .filter((bias) => at > 1 || bias !== (at === 0))
          // Two normalised layers without biases are so ill-conditioned that float32 tells nothing.
          .filter((bias) => bias || !cell.cell.norms)
          .map((bias) => ({ cell, bias })),
      ),
    },
    async (device, { cell, bias }) => {
      const size = { steps: 5, batch: 3, hiddenSize: 7 };
      const encoder = () => oneHot(VOCABULARY);
      const stacked = () => build(cell, { hiddenSize: 7, layers: 2, bias });
      const both = () => build(cell, { hiddenSize: 7, direction: 'bidirectional', bias });
      await check(device, { layer: stacked, encoder, ...size }, 'wavefront');
      const plan = await check(device, { layer: both, encoder, ...size }, 'persistent');
      assertEqual(recurrencesOf(plan).length, 2, 'dispatches of recurrences');
      // A GPU's threads read each token a step ahead, where they hold weights.
      const gpu = { laneWidth: 32, registers: 65_536 };
      await check(device, { layer: stacked, encoder, ...size, ...gpu }, 'wavefront');
      await check(device, { layer: both, encoder, ...size, ...gpu }, 'persistent');
    },
  ),
  {
    name: 'a projection, cut out of h between the layers of a wavefront',
    async run(device) {
      const plain = cells.find(({ kind }) => kind === 'lstm') as (typeof cells)[number];
      const projected = { ...plain, options: { projectionSize: 3 } };
      await checkWavefront(device, projected, [oddSize]);
    },
  },
  {
    name: 'more layers than a dispatch has tracks',
    async run(device) {
      const [cell] = cells as [(typeof cells)[number]];
      const layer = () => build(cell, { hiddenSize: 3, layers: 6 });
      const plan = await check(device, { layer, steps: 4, batch: 2, hiddenSize: 3 }, 'wavefront');
      const words = plan.decisions.map(({ choice }) => choice.slice(0, 21));
      const expected = [4, 4, 4, 4, 2, 2].map((layers) => `wavefront of ${layers} layers`);
      assertEqual(words.slice(0, 6), expected, 'forward choices');
    },
  },
  {
    name: 'both directions of one row keep their weights with their threads',
    async run(device) {
      const size = { steps: 17, batch: 1, hiddenSize: 10, laneWidth: 4 };
      const layer = () => build(lstm, { hiddenSize: 10, layers: 2, direction: 'bidirectional' });
      const forward = (await check(device, { layer, ...size })).launches.filter(
        ({ kernel }) => kernel === 'recurrence-forward',
      );
      const canHold = device.info.software && device.features.has('subgroups');
      for (const { label, constants, workgroups } of forward) {
        assertEqual(workgroups[2], 2, `tracks of ${label}`);
        assertTrue(
          Number(constants.held_quads) > 0 === canHold,
          `${label} holds its weights or cannot`,
        );
      }
      assertEqual(forward.length, 2, 'one dispatch for each layer');
    },
  },
  {
    name: 'tracks whose products are launches of their own',
    async run(device) {
      const size = { steps: 4, batch: 3, hiddenSize: 33, tuning: apartShapes(device) };
      const names = lstm.cell.states;
      for (const reset of ['before', 'after'] as const) {
        const layer = () => gru(33, { reset, layers: 2, direction: 'bidirectional' });
        const given = { names: ['h'], rows: 4 };
        await check(device, { ...size, layer, given, readsFinal: true }, 'stepwise');
      }
      const layer = () => build(lstm, { hiddenSize: 33, layers: 3 });
      const given = { names, rows: 3 };
      const plan = await check(device, { ...size, layer, given }, 'wavefront');
      const cells = recurrencesOf(plan).filter(({ kernel }) => kernel.endsWith('-cell'));
      assertTrue(cells.length > 0, 'no recurrence has its products apart');
    },
  },
  {
    name: 'tracks on an adapter with 32 lanes',
    full: true,
    async run(device) {
      const size = { steps: 16, batch: 3, hiddenSize: 21, laneWidth: 32 };
      const layer = () => build(lstm, { hiddenSize: 21, layers: 2 });
      await check(device, { layer, ...size }, 'wavefront');
      const both = () => build(lstm, { hiddenSize: 21, direction: 'bidirectional' });
      await check(device, { layer: both, ...size });
    },
  },
];
