import type { Device } from '../../src/device/device.ts';
import type { ReadbackArray } from '../../src/device/executable.ts';
import type { PlanLimits, Values } from '../../src/graph/operator.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { evaluateGraph } from '../../src/reference/interpreter.ts';
import { layOutParameters } from '../../src/schedule/parameter-layout.ts';
import type { ScheduleOptions } from '../../src/schedule/program.ts';
import { schedule } from '../../src/schedule/schedule.ts';
import { planLimits } from '../../src/training/plan-limits.ts';

/** Numbers for a graph, and how to run it. */
export interface GraphRun {
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>;
  /** Seed and step of the training state, for operators that draw random numbers. */
  readonly seed?: number;
  readonly step?: number;
  /** Plans for an adapter of another lane width. */
  readonly laneWidth?: number;
}

/** What a graph gave on the device, and how many dispatches that took. */
export interface GraphResult {
  readonly outputs: Readonly<Record<string, ReadbackArray>>;
  readonly dispatches: number;
}

/** Schedules a graph, compiles it with poisoned activations, runs it once and reads its outputs. */
export async function runGraph(
  device: Device,
  outputs: Readonly<Record<string, SymbolicTensor>>,
  { inputs, seed = 0, step = 0, laneWidth }: GraphRun,
  strategy: ScheduleOptions['strategy'] = new Map(),
): Promise<GraphResult> {
  const limits: PlanLimits = { ...planLimits(device), ...(laneWidth && { laneWidth }) };
  const parameters = layOutParameters([]);
  const program = { name: 'case', parameters, outputs: new Map(Object.entries(outputs)) };
  const plan = schedule(program, { limits, strategy });
  const shared = new Map<string, GPUBuffer>();
  for (const { key, label, bytes } of plan.buffers) {
    if (key === undefined) continue;
    const buffer = device.createBuffer({ label: `case/${label}`, bytes });
    if (key === 'training-state') device.upload(buffer, 0, Uint32Array.of(seed, step));
    shared.set(key, buffer);
  }
  const executable = await device.compile(plan, shared, { poison: true });
  try {
    for (const [name, values] of Object.entries(inputs)) {
      if (plan.tensors.has(name)) executable.write(name, values);
    }
    executable.run();
    const results: Record<string, ReadbackArray> = {};
    for (const name of Object.keys(outputs)) results[name] = await executable.read(name);
    return { outputs: results, dispatches: plan.prologue.length + plan.launches.length };
  } finally {
    executable.dispose();
    for (const buffer of shared.values()) device.destroyBuffer(buffer);
  }
}

const MOST_FOR_ONE_WORKGROUP = 20_000;

/**
 * Runs a graph on the device, launch by launch and in one workgroup, and in float64, and throws where an
 * element differs by more than a bound.
 */
export async function compareGraph(
  device: Device,
  outputs: Readonly<Record<string, SymbolicTensor>>,
  run: GraphRun,
  bound: (expected: number) => number,
): Promise<GraphResult> {
  const inputs = new Map<string, Values>();
  for (const [name, values] of Object.entries(run.inputs)) {
    inputs.set(name, values instanceof Int32Array ? values : Float64Array.from(values));
  }
  const { seed = 0, step = 0 } = run;
  const reference = evaluateGraph(Object.values(outputs), { inputs, seed, step });
  const result = await runGraph(device, outputs, run);
  assertNear(outputs, result, reference, bound);
  // One workgroup is for little work; Mesa's llvmpipe even ends a loop after 65,535 rounds.
  const sizes = Object.values(run.inputs).map(({ length }) => length);
  if (Math.max(...sizes) <= MOST_FOR_ONE_WORKGROUP) {
    assertNear(outputs, await runGraph(device, outputs, run, 'resident'), reference, bound);
  }
  return result;
}

function assertNear(
  outputs: Readonly<Record<string, SymbolicTensor>>,
  result: GraphResult,
  reference: ReadonlyMap<SymbolicTensor, Values>,
  bound: (expected: number) => number,
): void {
  for (const [name, tensor] of Object.entries(outputs)) {
    const [got, expected] = [
      result.outputs[name] as ReadbackArray,
      reference.get(tensor) as Values,
    ];
    if (got.length !== expected.length) {
      throw new Error(`${name}: got ${got.length} values, expected ${expected.length}`);
    }
    for (const [index, value] of got.entries()) {
      const wanted = expected[index] as number;
      const ratio = Math.abs(value - wanted) / bound(wanted);
      if (ratio <= 1) continue;
      const place = `${name} [${tensor.shape.join(', ')}] at ${index}`;
      throw new Error(
        `${place}: got ${value}, expected ${wanted}, ${ratio.toPrecision(3)} of the bound`,
      );
    }
  }
}
