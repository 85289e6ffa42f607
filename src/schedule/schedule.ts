import { OptionError } from '../errors.ts';
import { halfBytes } from '../float16.ts';
import type { PlanLimits, Storage, View } from '../graph/operator.ts';
import { inputSource, isFixed, sourceName } from '../graph/sources.ts';
import { type GraphNode, type SymbolicTensor, sortNodes } from '../graph/tensor.ts';
import { mapBindings, type TypedLaunch } from '../kernels/launch.ts';
import { launchStridedCopy } from '../ops/copy-strided.ts';
import { groupRecurrences } from '../ops/recurrence-group.ts';
import { refuseScanStrategies } from '../ops/scan.ts';
import { measurePlan } from './explain.ts';
import { PlanBuilder } from './lowering.ts';
import { assignMemory } from './memory.ts';
import type { BufferView, Launch, Plan, PlanTensor } from './plan.ts';
import { type Program, type ScheduleOptions, sharedKeys } from './program.ts';
import {
  countResidentRepeats,
  findResidentObstacle,
  holdingLimits,
  holdsWeights,
  mergeBuffers,
  preferResident,
  residentLimits,
} from './resident.ts';
import { sharePipelines } from './share-pipelines.ts';

/**
 * Turns a program into a plan: a flat list of launches with their buffers. Nothing here touches a device;
 * equal programs and options give equal plans.
 *
 * @throws {OptionError} if a forced choice cannot work for a node.
 */
export function schedule(program: Program, options: ScheduleOptions): Plan {
  const { limits, strategy, keepsAll, precision } = options;
  const plan = scheduleLaunches(program, options);
  const isAsked = strategy === 'resident';
  // Asking for recurrences launch by launch, of any kind or none, asks for launches.
  if (!isAsked && (strategy !== undefined || keepsAll)) return plan;
  const stores =
    precision === 'f16' ? "precision is 'f16', and its memory holds words of 32 bits" : undefined;
  const reason = isAsked ? 'asked for' : preferResident(plan, limits);
  if (reason === undefined)
    return (stores ? undefined : scheduleHolding(program, options, plan)) ?? plan;
  const resident =
    stores ??
    makeResident(program, options, residentLimits(limits, measurePlan(plan).flops), reason);
  if (typeof resident !== 'string') return resident;
  if (isAsked) {
    throw new OptionError(
      `${program.name}: strategy 'resident' cannot work: ${resident}. Leave the strategy to the scheduler.`,
    );
  }
  const decision = { node: program.name, choice: 'launch by launch', reason: resident };
  return { ...plan, decisions: [...plan.decisions, decision] };
}

/** The plan for one workgroup whose threads keep the weights of its recurrence; undefined where it does not pay. */
function scheduleHolding(
  program: Program,
  options: ScheduleOptions,
  launched: Plan,
): Plan | undefined {
  const limits = program.isRepeated ? holdingLimits(launched, options.limits) : undefined;
  if (!limits || !hasFixedWeights(program)) return undefined;
  const reason = 'its threads keep the weights from repetition to repetition';
  const plan = makeResident(program, options, limits, reason);
  return typeof plan !== 'string' && holdsWeights(plan, launched, limits) ? plan : undefined;
}

/** Inputs that threads may hold, by the operators that have them: weights and biases. */
const heldInputs: Readonly<Record<string, readonly number[]>> = {
  linear: [1],
  'one-hot-linear': [2],
  recurrence: [1, 3],
};

/** Whether what threads may hold is the same in all repetitions, and not computed from what is fed. */
function hasFixedWeights({ outputs, alsoComputed = [] }: Program): boolean {
  return sortNodes([...outputs.values(), ...alsoComputed]).every(({ op, inputs }) =>
    (heldInputs[op.name] ?? []).every((at) => inputs[at] === undefined || isFixed(inputs[at])),
  );
}

/** The plan for one workgroup, or why there is none. */
function makeResident(
  program: Program,
  options: ScheduleOptions,
  limits: PlanLimits,
  reason: string,
): Plan | string {
  const plan = mergeBuffers(scheduleLaunches(program, { ...options, limits }));
  const obstacle = findResidentObstacle(plan, limits);
  if (obstacle !== undefined) return obstacle;
  const lanes = limits.residentLanes ?? 1;
  const mostRepeats = countResidentRepeats(plan, limits);
  const choice = `resident, one workgroup of ${lanes} lanes, up to ${mostRepeats} repetitions a dispatch`;
  const decisions = [...plan.decisions, { node: program.name, choice, reason }];
  return { ...plan, decisions, resident: { lanes, mostRepeats } };
}

/** The plan as one dispatch for each launch. */
function scheduleLaunches(program: Program, options: ScheduleOptions): Plan {
  const gradients = program.gradients ?? new Map<string, SymbolicTensor>();
  const roots = [
    ...program.outputs.values(),
    ...gradients.values(),
    ...(program.alsoComputed ?? []),
  ];
  const nodes = sortNodes(roots);
  const builder = new PlanBuilder(
    program.name,
    program.parameters,
    options,
    findUsed(nodes, roots),
    options.precision === 'f16' ? findHalves(nodes, roots) : new Set(),
  );

  const gradientViews = new Map<SymbolicTensor, View[]>();
  for (const [name, tensor] of gradients) {
    const views = gradientViews.get(tensor) ?? [];
    gradientViews.set(tensor, [...views, builder.parameterView(name, sharedKeys.gradients)]);
  }
  const isRead = findUsed(nodes, []);
  for (const [tensor, [view, ...more]] of gradientViews) {
    // A gradient that others are computed from, or that several parameters share, stays apart: a dispatch may
    // not read one range of the flat buffer and write another.
    const isAlone = more.length === 0 && !isRead.has(tensor);
    if (view && isAlone && !builder.placement(tensor)) builder.place(tensor, view);
  }
  refuseScanStrategies(nodes, options.strategy);
  const groups = groupRecurrences(nodes, builder);
  // Inputs first: whoever fills them, a stage or the caller, finds them in place.
  const inputs = new Map<string, SymbolicTensor>();
  for (const node of nodes) {
    const name = sourceName(node, inputSource);
    const [tensor] = node.outputs;
    if (name === undefined || !tensor) continue;
    inputs.set(name, tensor);
    builder.output(tensor);
  }
  program.before?.(builder);
  for (const unit of groups.arrange(nodes)) {
    if ('op' in unit) unit.op.lower?.(unit, builder);
    else unit.lower(builder);
  }
  // Results that an operator has put off are built here: later launches change the parameters.
  for (const tensor of roots) builder.view(tensor);
  for (const [tensor, views] of gradientViews) copyInto(builder, tensor, views);
  program.after?.(builder);
  return finishPlan(program, builder, nodes, inputs);
}

/** Shape and element type of a tensor where it can be read. */
function describeTensor(
  { shape, size, dtype }: SymbolicTensor,
  { isHalf, bytes }: View,
): Pick<PlanTensor, 'shape' | 'dtype'> {
  if (!isHalf) return { shape, dtype };
  // A history with states in two parts has more numbers than its tensor.
  return { shape: bytes === halfBytes(size) ? shape : [bytes / 2], dtype: 'f16' };
}

/** Copies a tensor to where it is wanted, if its operator has put it elsewhere: to two places in one launch. */
function copyInto(builder: PlanBuilder, tensor: SymbolicTensor, targets: readonly View[]): void {
  const source = builder.view(tensor);
  const left = targets
    .filter(({ storage, offsetBytes }) => {
      return source.storage !== storage || source.offsetBytes !== offsetBytes;
    })
    .sort((a, b) => a.offsetBytes - b.offsetBytes);
  for (let index = 0; index < left.length; index += 2) {
    const [first, second] = left.slice(index, index + 2) as [View, View?];
    const apart = second ? second.offsetBytes - first.offsetBytes : 0;
    launchStridedCopy(builder, {
      label: `${tensor.label}.copy${index > 0 ? `#${index / 2}` : ''}`,
      source,
      sourceOffset: 0,
      sourceStrides: [0, 1],
      target: { ...first, bytes: first.bytes + apart },
      targetOffset: 0,
      targetStrides: [apart / 4, 1],
      extents: [second ? 2 : 1, tensor.size],
    });
  }
}

function findUsed(
  nodes: readonly GraphNode[],
  roots: readonly SymbolicTensor[],
): Set<SymbolicTensor> {
  const used = new Set<SymbolicTensor>(roots);
  for (const node of nodes) for (const tensor of node.inputs) used.add(tensor);
  return used;
}

/** Tensors that are read only where f16 will do, and not from outside. */
function findHalves(
  nodes: readonly GraphNode[],
  roots: readonly SymbolicTensor[],
): Set<SymbolicTensor> {
  const halves = new Set<SymbolicTensor>();
  const wide = new Set<SymbolicTensor>(roots);
  for (const node of nodes) {
    for (const [index, tensor] of node.inputs.entries()) {
      (node.op.readsHalf?.(index, node) ? halves : wide).add(tensor);
    }
  }
  for (const tensor of wide) halves.delete(tensor);
  return halves;
}

function finishPlan(
  program: Program,
  builder: PlanBuilder,
  nodes: readonly GraphNode[],
  inputs: ReadonlyMap<string, SymbolicTensor>,
): Plan {
  const { options } = builder;
  const packing = builder.packer.finish();
  const prologue = packing && options.packsOnce ? [packing.launch] : [];
  const body = sharePipelines(
    packing && !options.packsOnce ? [packing.launch, ...builder.launches] : builder.launches,
  );
  const uniforms = builder.finishUniforms();

  const named = new Map<string, SymbolicTensor>([...inputs, ...program.outputs]);
  if (options.keepsAll) {
    for (const tensor of nodes.flatMap((node) => node.outputs)) {
      if (!named.has(tensor.label) && builder.views.has(tensor)) named.set(tensor.label, tensor);
    }
  }
  const pinned = new Set<Storage>();
  for (const tensor of named.values()) pinned.add(builder.readable(tensor).storage);
  if (packing) pinned.add(packing.storage);
  const memory = assignMemory([...prologue, ...body], pinned);

  const resolve = (view: View): BufferView => ({
    buffer: memory.indexOf.get(view.storage) as number,
    offsetBytes: view.offsetBytes,
    bytes: view.bytes,
    ...(view.strides && { strides: view.strides }),
    ...(view.isSetting && { isSetting: true }),
  });
  const resolveLaunch = (launch: TypedLaunch<View>): Launch => mapBindings(launch, resolve);
  const tensors = new Map<string, PlanTensor>();
  for (const [name, tensor] of named) {
    const readable = builder.readable(tensor);
    tensors.set(name, { view: resolve(readable), ...describeTensor(tensor, readable) });
  }
  const uniformIndex = uniforms && memory.indexOf.get(uniforms);
  return {
    name: program.name,
    buffers: memory.buffers.map((buffer, index) =>
      index === uniformIndex ? { ...buffer, role: 'uniform' } : buffer,
    ),
    prologue: prologue.map(resolveLaunch),
    launches: body.map(resolveLaunch),
    tensors,
    decisions: builder.decisions,
    neededBytes: memory.neededBytes,
  };
}
