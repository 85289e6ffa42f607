import type { Device } from '../device/device.ts';
import { ShapeError } from '../errors.ts';
import type { PlanStrategy, Precision, Values } from '../graph/operator.ts';
import type { Parameter } from '../graph/sources.ts';
import { inputSource, parameterOf, sourceName, stateSource } from '../graph/sources.ts';
import { type SymbolicTensor, sortNodes } from '../graph/tensor.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import { evaluateGraph } from '../reference/interpreter.ts';
import { layOutParameters, type ParameterLayout } from '../schedule/parameter-layout.ts';
import type { Plan } from '../schedule/plan.ts';
import { sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import { planLimits } from './plan-limits.ts';
import { encodeTrainingState, trainingKeys } from './step-state.ts';

/** Contents of a tensor outside of the library: 32-bit floats, or 32-bit integers for tokens. */
export type TensorArray = Float32Array | Int32Array;

/** A graph to execute once, and the numbers for its sources. */
export interface GraphRequest {
  readonly outputs: ReadonlyMap<string, SymbolicTensor>;
  readonly inputs?: ReadonlyMap<string, TensorArray>;
  readonly states?: ReadonlyMap<string, TensorArray>;
  readonly parameters?: ReadonlyMap<string, TensorArray | Float64Array>;
  /** Default: launches, each as the rules choose. A plan in one kernel takes longer to build than to run once. */
  readonly strategy?: PlanStrategy;
  /** How a device stores weights and activations. Default `f32`. */
  readonly precision?: Precision;
  /** @internal Shapes of kernels in place of the rules'. */
  readonly tuning?: ShapeSource | undefined;
  /** Seed and step of the counter-based random numbers; 0 if absent. */
  readonly seed?: number;
  readonly step?: number;
  /** Fills activations with NaN first, so that a value nobody wrote shows. For tests. */
  readonly poison?: boolean;
}

/**
 * Executes a graph once, on a device or on the float64 reference.
 *
 * @returns the requested tensors by name; the reference's float64 results are rounded to float32.
 * @throws {ShapeError} if a source has no value or one of the wrong size.
 */
export async function runGraph(
  device: Device | 'reference',
  request: GraphRequest,
): Promise<Map<string, TensorArray>> {
  return device === 'reference' ? runOnReference(request) : runOnDevice(device, request);
}

function runOnReference(request: GraphRequest): Map<string, TensorArray> {
  const widen = (
    given: ReadonlyMap<string, TensorArray | Float64Array> = new Map(),
  ): Map<string, Values> =>
    new Map(
      [...given].map(([name, data]) => [
        name,
        data instanceof Int32Array ? data : Float64Array.from(data),
      ]),
    );
  const values = evaluateGraph(request.outputs.values(), {
    inputs: widen(request.inputs),
    states: widen(request.states),
    parameters: widen(request.parameters),
    seed: request.seed ?? 0,
    step: request.step ?? 0,
  });
  const results = new Map<string, TensorArray>();
  for (const [name, tensor] of request.outputs) {
    const value = values.get(tensor) as Values;
    results.set(name, value instanceof Int32Array ? value : Float32Array.from(value));
  }
  return results;
}

/** Sources of a graph, by what has to be given for them. */
function findSources(outputs: Iterable<SymbolicTensor>): {
  parameters: Parameter[];
  states: { name: string; size: number }[];
  inputs: string[];
} {
  const parameters = new Map<string, Parameter>();
  const states = new Map<string, { name: string; size: number }>();
  const inputs = new Set<string>();
  for (const node of sortNodes(outputs)) {
    const parameter = parameterOf(node);
    const state = sourceName(node, stateSource);
    const input = sourceName(node, inputSource);
    if (parameter) parameters.set(parameter.name, parameter);
    if (state !== undefined) states.set(state, { name: state, size: node.outputs[0]?.size ?? 0 });
    if (input !== undefined) inputs.add(input);
  }
  return {
    parameters: [...parameters.values()],
    states: [...states.values()],
    inputs: [...inputs],
  };
}

async function runOnDevice(
  device: Device,
  request: GraphRequest,
): Promise<Map<string, TensorArray>> {
  const sources = findSources(request.outputs.values());
  const layout = layOutParameters(sources.parameters);
  const plan = schedule(
    { name: 'graph', parameters: layout, outputs: request.outputs },
    {
      limits: planLimits(device),
      strategy: request.strategy ?? new Map(),
      ...(request.precision && { precision: request.precision }),
      ...(request.tuning && { tuning: request.tuning }),
    },
  );
  const shared = new Map<string, GPUBuffer>();
  try {
    for (const buffer of plan.buffers) {
      if (buffer.key === undefined) continue;
      const content = contentOfShared(plan, buffer.key, layout, request);
      shared.set(
        buffer.key,
        device.createBuffer({ label: buffer.key, bytes: buffer.bytes, content }),
      );
    }
    using executable = await device.compile(plan, shared, { poison: request.poison ?? false });
    for (const name of sources.inputs) {
      executable.write(name, requireValue('input', name, request.inputs?.get(name)));
    }
    const names = [...request.outputs.keys()];
    const arrays = await executable.runAndRead(names);
    return new Map(names.map((name, index) => [name, arrays[index] as TensorArray]));
  } finally {
    for (const buffer of shared.values()) device.destroyBuffer(buffer);
  }
}

function requireValue(kind: string, name: string, value: TensorArray | undefined): TensorArray {
  if (value) return value;
  throw new ShapeError(`graph: ${kind} '${name}' has no value. Give one by this name.`);
}

function contentOfShared(
  plan: Plan,
  key: string,
  layout: ParameterLayout,
  request: GraphRequest,
): Uint8Array {
  if (key === sharedKeys.parameters) {
    return new Uint8Array(flattenParameters(layout, request.parameters ?? new Map()).buffer);
  }
  if (key === trainingKeys.state) {
    return encodeTrainingState({ seed: request.seed ?? 0, step: request.step ?? 0 });
  }
  for (const [name, data] of request.states ?? []) {
    if (sharedKeys.state(name) === key) {
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    }
  }
  throw new ShapeError(`${plan.name}: nothing is given for '${key}'.`);
}

/**
 * Parameters by name as one flat array in a layout.
 *
 * @throws {ShapeError} if one is missing or has another size.
 */
export function flattenParameters(
  layout: ParameterLayout,
  values: ReadonlyMap<string, ArrayLike<number>>,
): Float32Array<ArrayBuffer> {
  // Checked before memory is taken: a layout may come from a damaged file.
  for (const [name, slot] of layout.slots) {
    const value = values.get(name);
    if (value?.length === slot.size) continue;
    throw new ShapeError(
      `parameter '${name}' has ${value ? `${value.length} values` : 'no value'}, expected ` +
        `${slot.size} for shape [${slot.parameter.shape.join(', ')}].`,
    );
  }
  const flat = new Float32Array(layout.totalFloats);
  for (const [name, { offsetFloats }] of layout.slots) {
    flat.set(values.get(name) as ArrayLike<number>, offsetFloats);
  }
  return flat;
}
