import type { Device } from '../../src/device/device.ts';
import type { ReadbackArray } from '../../src/device/executable.ts';
import type { PlanStrategy, Precision, Values } from '../../src/graph/operator.ts';
import { parameterOf } from '../../src/graph/sources.ts';
import { type SymbolicTensor, sortNodes } from '../../src/graph/tensor.ts';
import type { ShapeSource } from '../../src/graph/tunable.ts';
import { evaluateGraph } from '../../src/reference/interpreter.ts';
import { largestMagnitude, tolerance } from '../../src/reference/tolerance.ts';
import { layOutParameters } from '../../src/schedule/parameter-layout.ts';
import type { Plan } from '../../src/schedule/plan.ts';
import { sharedKeys } from '../../src/schedule/program.ts';
import { schedule } from '../../src/schedule/schedule.ts';
import { planLimits } from '../../src/training/plan-limits.ts';
import { flattenParameters } from '../../src/training/run-graph.ts';
import { makeNoise } from './training-rig.ts';

export type Tensors = Readonly<Record<string, SymbolicTensor>>;

/** How to run a graph: numbers for its sources, and the choices that the scheduler is given. */
export interface CoreRun {
  readonly inputs?: Readonly<Record<string, Float32Array | Int32Array>>;
  /** Drawn from ±0.5 where absent. */
  readonly parameters?: ReadonlyMap<string, Float32Array>;
  /** Gradients by parameter: they land in the flat gradient buffer and are read from there. */
  readonly gradients?: ReadonlyMap<string, SymbolicTensor>;
  /** Default: what the rules choose, launch by launch. */
  readonly strategy?: PlanStrategy;
  readonly precision?: Precision;
  /** Plans for an adapter of another lane width. */
  readonly laneWidth?: number;
  /** … and of so many registers, none being known. */
  readonly registers?: number;
  /** Shapes in place of the rules'. */
  readonly tuning?: ShapeSource;
  /** Changes the plan before it is compiled. */
  readonly editPlan?: (plan: Plan) => Plan;
}

/** Float32 values of the device by tensor name, gradients as `gradient of <parameter>`. */
export interface CoreResult {
  readonly plan: Plan;
  readonly tensors: ReadonlyMap<string, ReadbackArray>;
}

function drawParameters(outputs: Iterable<SymbolicTensor>): {
  layout: ReturnType<typeof layOutParameters>;
  values: Map<string, Float32Array>;
} {
  const found = sortNodes(outputs).flatMap((node) => parameterOf(node) ?? []);
  const layout = layOutParameters(found);
  const entries = [...layout.slots].map(
    ([name, { size }], index) => [name, makeNoise(size, 50 + index, 0.5)] as const,
  );
  return { layout, values: new Map(entries) };
}

/** Schedules a graph, compiles it with poisoned activations, runs it once and reads everything. */
export async function runCore(
  device: Device,
  outputs: Tensors,
  run: CoreRun = {},
): Promise<CoreResult> {
  const { gradients = new Map<string, SymbolicTensor>(), strategy, precision } = run;
  const { laneWidth, registers, tuning } = run;
  const roots = [...Object.values(outputs), ...gradients.values()];
  const drawn = drawParameters(roots);
  const scheduled = schedule(
    {
      name: 'case',
      parameters: drawn.layout,
      outputs: new Map(Object.entries(outputs)),
      gradients,
    },
    {
      limits: {
        ...planLimits(device),
        ...(laneWidth && { laneWidth }),
        ...(registers !== undefined && { registers }),
      },
      strategy: strategy ?? new Map(),
      ...(precision && { precision }),
      ...(tuning && { tuning }),
    },
  );
  const plan = run.editPlan?.(scheduled) ?? scheduled;
  const shared = new Map<string, GPUBuffer>();
  const poison = new Float32Array(drawn.layout.totalFloats).fill(Number.NaN);
  for (const { key, label, bytes } of plan.buffers) {
    if (key === undefined) continue;
    const buffer = device.createBuffer({ label: `case/${label}`, bytes });
    shared.set(key, buffer);
    if (key === 'training-state') {
      // The reference's seed and step.
      device.upload(buffer, 0, new Uint32Array(bytes / 4));
      continue;
    }
    const flat =
      key === sharedKeys.parameters
        ? flattenParameters(drawn.layout, run.parameters ?? drawn.values)
        : poison;
    device.upload(buffer, 0, flat.subarray(0, bytes / 4));
  }
  const executable = await device.compile(plan, shared, { poison: true });
  try {
    for (const [name, values] of Object.entries(run.inputs ?? {})) {
      if (plan.tensors.has(name)) executable.write(name, values);
    }
    executable.run();
    const tensors = new Map<string, ReadbackArray>();
    for (const name of Object.keys(outputs)) tensors.set(name, await executable.read(name));
    for (const name of gradients.keys()) {
      const { offsetFloats, size } = drawn.layout.slots.get(name) as {
        offsetFloats: number;
        size: number;
      };
      const buffer = shared.get(sharedKeys.gradients) as GPUBuffer;
      const bytes = await device.download(buffer, 4 * offsetFloats, 4 * size);
      tensors.set(`gradient of ${name}`, new Float32Array(bytes.buffer));
    }
    return { plan, tensors };
  } finally {
    executable.dispose();
    for (const buffer of shared.values()) device.destroyBuffer(buffer);
  }
}

/** Worst ratio to the tolerance so far, by kind of tensor; printed where GATEFOLD_NUMERICS is set. */
const worst = new Map<string, number>();

function observe(kind: string, ratio: number): void {
  if (!(ratio > (worst.get(kind) ?? 0))) return;
  worst.set(kind, ratio);
  if (typeof process !== 'undefined' && process.env?.GATEFOLD_NUMERICS) {
    console.log(`numerics\t${kind}\t${ratio.toFixed(3)}`);
  }
}

/** What is compared, and what its tolerance is derived from. */
export interface Comparison extends CoreRun {
  /** Kind of graph for the table of observed errors, e.g. `linear`. */
  readonly kind: string;
  readonly steps: number;
  readonly fanIn: number;
}

/** Runs a graph on the device and on the reference and throws where a value is out of tolerance. */
export async function compareCore(
  device: Device,
  outputs: Tensors,
  run: Comparison,
): Promise<CoreResult> {
  const { gradients = new Map<string, SymbolicTensor>() } = run;
  const roots = [...Object.values(outputs), ...gradients.values()];
  const widen = (values: Float32Array | Int32Array): Values =>
    values instanceof Int32Array ? values : Float64Array.from(values);
  const parameters = run.parameters ?? drawParameters(roots).values;
  const reference = evaluateGraph(roots, {
    inputs: new Map(Object.entries(run.inputs ?? {}).map(([name, data]) => [name, widen(data)])),
    parameters: new Map([...parameters].map(([name, data]) => [name, widen(data)])),
  });
  const result = await runCore(device, outputs, run);
  const all = new Map(Object.entries(outputs));
  for (const [name, tensor] of gradients) all.set(`gradient of ${name}`, tensor);
  for (const [name, tensor] of all) {
    const got = result.tensors.get(name) as ReadbackArray;
    const expected = reference.get(tensor) as Values;
    if (got.length !== expected.length) {
      throw new Error(`${name}: got ${got.length} values, expected ${expected.length}`);
    }
    const bound = tolerance({ ...run, magnitude: largestMagnitude(expected) });
    for (let index = 0; index < expected.length; index++) {
      const [value, wanted] = [got[index] as number, expected[index] as number];
      const ratio = Math.abs(value - wanted) / bound;
      if (!(ratio <= 1)) {
        throw new Error(
          `${run.kind}: ${name} [${tensor.shape.join(', ')}] at ${index} is ${value}, expected ` +
            `${wanted}, ${ratio.toPrecision(3)} of the tolerance ${bound.toPrecision(3)}`,
        );
      }
      observe(`${run.kind}\t${name.replace(/ of .*/, '')}`, ratio);
    }
  }
  return result;
}
