/**
 * The table of what each cell can do, found out by trying: a layer with the option is built, traced, differentiated
 * and scheduled. Written between the markers of docs/layers.md.
 *
 * npm run features           brings the table up to date
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type CellName, cells } from '../src/cells/registry.ts';
import { OptionError } from '../src/errors.ts';
import type { PlanLimits, PlanStrategy, Precision } from '../src/graph/operator.ts';
import type { SymbolicTensor } from '../src/graph/tensor.ts';
import { model } from '../src/layers/model.ts';
import { type RecurrentLayer, recurrent } from '../src/layers/recurrent.ts';
import { add } from '../src/ops/binary.ts';
import { differentiate } from '../src/ops/differentiate.ts';
import { sum } from '../src/ops/reduce.ts';
import { layOutParameters } from '../src/schedule/parameter-layout.ts';
import { schedule } from '../src/schedule/schedule.ts';

interface Feature {
  readonly name: string;
  /** Choices of options; one that works is enough. */
  readonly options?: readonly Readonly<Record<string, unknown>>[];
  readonly strategy?: PlanStrategy;
  readonly precision?: Precision;
  readonly hasLengths?: boolean;
  readonly hasInitialState?: boolean;
}

const features: readonly Feature[] = [
  { name: 'forward, reverse, both directions', options: [{ direction: 'bidirectional' }] },
  {
    name: '`merge`: sum, mean, multiply, separate',
    options: [{ direction: 'bidirectional', merge: 'mean' }],
  },
  { name: 'stacked `layers`, `dropout` between them', options: [{ layers: 2, dropout: 0.5 }] },
  { name: '`residual`', options: [{ layers: 2, residual: true }] },
  { name: '`lengths` of rows', hasLengths: true },
  { name: 'initial states, all or one', hasInitialState: true },
  { name: '`inputDropout`, one mask per sequence', options: [{ inputDropout: 0.5 }] },
  { name: '`recurrentDropout`, one mask per sequence', options: [{ recurrentDropout: 0.5 }] },
  { name: '`weightDropout` (DropConnect)', options: [{ weightDropout: 0.5 }] },
  { name: '`zoneout`', options: [{ zoneout: 0.1 }] },
  { name: '`heads`: block-diagonal `weight_hh`', options: [{ heads: 2 }] },
  { name: '`projectionSize`', options: [{ projectionSize: 2 }] },
  { name: '`peepholes`', options: [{ peepholes: true }] },
  { name: '`inputForget`', options: [{ inputForget: true }] },
  { name: '`layerNorm` inside the cell', options: [{ layerNorm: true }] },
  {
    name: "ONNX's activations",
    options: [
      { nonlinearity: 'softsign' },
      { activations: ['hardsigmoid', 'softsign'] },
      { activations: ['hardsigmoid', 'softsign', 'relu'] },
    ],
  },
  { name: '`clip`', options: [{ clip: 3 }] },
  { name: "strategy `'persistent'`", strategy: 'persistent' },
  { name: "strategy `'stepwise'`", strategy: 'stepwise' },
  { name: "strategy `'wavefront'`", options: [{ layers: 2 }], strategy: 'wavefront' },
  { name: "strategy `'resident'`", strategy: 'resident' },
  { name: "`precision: 'f16'`", precision: 'f16' },
];

const limits: PlanLimits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxStorageBuffersPerShaderStage: 8,
  maxUniformBufferBindingSize: 65_536,
  maxStorageBufferBindingSize: 134_217_728,
  maxBufferSize: 268_435_456,
  laneWidth: 4,
  isSoftware: true,
  hasSubgroups: true,
  hasF16: true,
};

/** Whether a training step of a layer with the feature can be planned. */
function works(cell: CellName, feature: Feature): boolean {
  return (feature.options ?? [{}]).some((options) => {
    try {
      plan(cell, feature, options);
      return true;
    } catch (error) {
      if (error instanceof OptionError) return false;
      throw error;
    }
  });
}

function plan(cell: CellName, feature: Feature, options: Readonly<Record<string, unknown>>): void {
  const [steps, batch, hiddenSize] = [4, 2, 8];
  const layer: RecurrentLayer = recurrent(cell, hiddenSize, options);
  const traced = model((given) => {
    const state = feature.hasInitialState ? { h: given.h as SymbolicTensor } : {};
    const more = feature.hasLengths ? { lengths: given.lengths as SymbolicTensor } : {};
    const result = layer.run(given.x as SymbolicTensor, state, more);
    const sums = result.outputs.map((output) => sum(output));
    return { loss: sums.reduce((total, part) => add(total, part)) };
  }).trace(
    {
      x: { shape: [steps, batch, hiddenSize], dtype: 'f32' },
      ...(feature.hasInitialState && { h: { shape: [1, batch, hiddenSize], dtype: 'f32' } }),
      ...(feature.hasLengths && { lengths: { shape: [batch], dtype: 'i32' } }),
    },
    { mode: 'training' },
  );
  const parameters = [...traced.parameters.values()];
  const loss = traced.outputs.loss as SymbolicTensor;
  const gradients = differentiate(
    loss,
    parameters.map(({ tensor }) => tensor),
  );
  schedule(
    {
      name: cell,
      parameters: layOutParameters(parameters.map(({ parameter }) => parameter)),
      outputs: new Map([['loss', loss]]),
      gradients: new Map(
        parameters.map(({ parameter }, index) => [
          parameter.name,
          gradients[index] as SymbolicTensor,
        ]),
      ),
    },
    {
      limits,
      strategy: feature.strategy ?? new Map(),
      ...(feature.precision && { precision: feature.precision }),
    },
  );
}

/** The table in Markdown. */
export function writeFeatureTable(): string {
  const names = Object.keys(cells) as CellName[];
  const row = (cellsOfRow: readonly string[]) => `| ${cellsOfRow.join(' | ')} |`;
  const lines = features.map((feature) =>
    row([feature.name, ...names.map((name) => (works(name, feature) ? 'yes' : '–'))]),
  );
  const head = row(['', ...names.map((name) => `\`${name}\``)]);
  return [head, row(['---', ...names.map(() => '---')]), ...lines].join('\n');
}

const page = fileURLToPath(new URL('../docs/layers.md', import.meta.url));
const section = /(<!-- features -->\n)[\s\S]*?(<!-- \/features -->)/;

/** The page with the table of today. */
export function fillFeatures(text: string): string {
  return text.replace(section, (_all, opening, closing) => {
    return `${opening}\n${writeFeatureTable()}\n\n${closing}`;
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(page, fillFeatures(readFileSync(page, 'utf8')));
}
