import type { TypedLaunch } from '../kernels/launch.ts';
import type { GraphNode, SymbolicTensor, TensorType } from './tensor.ts';
import type { SettledShape, Tunable } from './tunable.ts';

/** Values of a tensor in the reference: float64 for `f32` tensors, int32 for `i32` tensors. */
export type Values = Float64Array | Int32Array;

/** What an operator's reference may know beside its inputs. */
export interface ReferenceContext {
  /** Seed of the counter-based random numbers. */
  readonly seed: number;
  /** Training step, the random counter's second word. */
  readonly step: number;
}

/** A tensor's place in memory before the scheduler has assigned buffers. */
export interface View {
  readonly storage: Storage;
  readonly offsetBytes: number;
  readonly bytes: number;
  /**
   * For a resident plan's kernel, which can read a matrix in another order than it lies in: words between
   * neighbours along each index of the binding's nested arrays, then between the numbers of an element.
   */
  readonly strides?: readonly number[];
  /** Whether its numbers are f16. */
  readonly isHalf?: boolean;
  /** Of uniforms: whether they are {@link Lowering.settings}. */
  readonly isSetting?: boolean;
}

/** How weights, activations and their gradients are stored. Arithmetic is float32 in both. */
export type Precision = 'f32' | 'f16';

/** Memory that a plan will need: an allocation with a lifetime, or a shared buffer named by `key`. */
export interface Storage {
  readonly label: string;
  readonly bytes: number;
  readonly key?: string;
  readonly content?: Uint8Array;
}

/** How a recurrence's dispatches are cut: many steps of some rows each, or one step of all rows. */
export type Walk = 'persistent' | 'stepwise';

/**
 * How recurrences walk through time. `wavefront` runs stacked layers side by side, each some steps behind the
 * one below; every layer then walks in the way that the scheduler chooses.
 */
export type Strategy = Walk | 'wavefront';

/** Strategies that can be asked for: how recurrences walk, or `resident`, one workgroup for the whole plan. */
export const planStrategies = ['persistent', 'stepwise', 'wavefront', 'resident'] as const;

/** One of {@link planStrategies}. */
export type PlanStrategy = (typeof planStrategies)[number];

/** Limits of a device that decide between kernels. Plain numbers, so that plans need no device. */
export interface PlanLimits {
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupSizeX: number;
  readonly maxComputeWorkgroupSizeY: number;
  readonly maxComputeWorkgroupSizeZ: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxUniformBufferBindingSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxBufferSize: number;
  /** Threads that run in lockstep: the adapter's smallest subgroup, 32 where it does not say. */
  readonly laneWidth: number;
  /** A CPU that acts as a GPU: it pays for each load, not for waiting. */
  readonly isSoftware: boolean;
  /** Whether lanes may share registers: the feature `subgroups`. */
  readonly hasSubgroups: boolean;
  /** Set where one workgroup of so many threads is to run the whole plan. */
  readonly residentLanes?: number;
  /** Whether those threads keep a recurrence's weights from repetition to repetition. */
  readonly residentHolds?: boolean;
  /**
   * Registers of the processor that runs a workgroup, 32 bits each, where they are known: a recurrence's weights are
   * then held in them unasked.
   */
  readonly registers?: number;
  /** Whether shaders may store half precision: the feature `shader-f16`. */
  readonly hasF16: boolean;
}

/**
 * How the copy of a matrix [rows, columns] lies in memory, for a matrix whose rows are `blocks` times as many
 * units (the gates of a layer). Quads hold four neighbours of an axis, so that one load brings four terms of a
 * sum, in tiles of what a workgroup reads together; what is missing to a quad or tile is zero.
 * - `transposed`: [ceil(rows / tile), columns, tile]; one tile, [columns, rows], where no `tile` is given.
 * - `rows`: [ceil(columns / tile), rows, tile].
 * - `column-quads`: [ceil(units / tile), ceil(columns / 4), blocks, tile, 4].
 * - `row-quads`: [ceil(columns / tile), blocks, ceil(units / 4), tile, 4].
 */
export type PackedLayout =
  | { readonly kind: 'transposed'; readonly tile?: number }
  | { readonly kind: 'rows'; readonly tile: number }
  | {
      readonly kind: 'column-quads' | 'row-quads';
      readonly blocks: number;
      readonly tile: number;
      /** Neighbours among the units of a tile that are apart in the binding's type. */
      readonly lanes: number;
      /**
       * Whether the numbers of a quad come in the order in which a lane has them by swaps: number i of the unit of lane
       * l stands at i ^ (l mod 4).
       */
      readonly swaps: boolean;
    };

/** Rows of a table by token, plus a bias: a tensor [tokens, width] that need not be built to be read. */
export interface GatheredRows {
  /** i32 tokens, one per row. */
  readonly tokens: View;
  /** [tableRows, width], or [width, tableRows]. */
  readonly table: View;
  readonly isTransposed: boolean;
  readonly tableRows: number;
  /** [width]. */
  readonly bias?: View | undefined;
}

/** What an operator's lowering may ask of the scheduler. */
export interface Lowering {
  readonly limits: PlanLimits;
  readonly precision: Precision;
  /** Where an input, or an output defined earlier, lies in 32-bit numbers. */
  view(tensor: SymbolicTensor): View;
  /** Like {@link view}, for launches that read f16 as well: {@link View.isHalf} says what they get. */
  stored(tensor: SymbolicTensor): View;
  /** Memory for an output: the place its consumer asked for, else a fresh allocation. */
  output(tensor: SymbolicTensor): View;
  /** Asks for a tensor to be computed into a given place, before its operator is lowered. */
  place(tensor: SymbolicTensor, view: View): void;
  /** The place that was asked for with {@link place}. */
  placement(tensor: SymbolicTensor): View | undefined;
  /** Like {@link output}, for launches that write f16 as well: f16 where asked for and every reader takes it. */
  storedOutput(tensor: SymbolicTensor): View;
  /** Like {@link storedOutput}, f16 whatever the readers take; `numbers` where it is not the tensor's size. */
  halfOutput(tensor: SymbolicTensor, numbers?: number): View;
  /** Places an output inside memory that holds it already (views, in-place results). */
  define(tensor: SymbolicTensor, view: View): void;
  /** Says how a tensor can be read without being built; `build` emits its launch if somebody needs its view. */
  defer(tensor: SymbolicTensor, rows: GatheredRows, build: () => void): void;
  /** How to read a tensor that has been deferred and not built so far. */
  deferred(tensor: SymbolicTensor): GatheredRows | undefined;
  /** Whether anything reads this tensor. */
  isUsed(tensor: SymbolicTensor): boolean;
  /** Memory that lives from its first to its last launch. */
  scratch(label: string, bytes: number): View;
  /** Memory with fixed content, the same for every step. Equal contents are stored once. */
  constant(label: string, content: Uint8Array): View;
  /** A block of uniforms, written once when the plan is compiled. */
  uniforms(label: string, content: Uint8Array): View;
  /** Uniforms that do not follow from the program: plans that differ in them alone share their pipelines. */
  settings(label: string, content: Uint8Array): View;
  /** A buffer that outlives the plan, by key, e.g. `training-state`. */
  shared(key: string, bytes: number): View;
  /**
   * A matrix's copy in another layout; those of parameters are refreshed together, once per step. Several
   * matrices of one shape lie one behind the other, without gaps.
   */
  packed(matrices: SymbolicTensor | readonly SymbolicTensor[], layout: PackedLayout): View;
  /** The strategy asked for at this node, if any. */
  requestedStrategy(node: GraphNode): Strategy | undefined;
  /** The shape of a kernel where the plan is made with a tuning; undefined leaves it to the rule. */
  settled<S extends object>(tunable: Tunable<S>): SettledShape<S> | undefined;
  /** Appends a launch to the plan. */
  launch(launch: TypedLaunch<View>): void;
  /** Records a choice for `explain()`. */
  decide(node: string, choice: string, reason: string): void;
}

/** Nodes whose launches belong together: one lowering for all of them, in place of one each. */
export interface NodeGroup {
  readonly nodes: readonly GraphNode[];
  /** Emits the launches of all nodes; whatever they read from outside has been lowered. */
  lower(lowering: Lowering): void;
}

/**
 * A coarse operator of the graph: a shape rule, a gradient written with other operators, a float64
 * reference, and a lowering to kernel launches.
 */
export interface Operator<A> {
  readonly name: string;
  /** Whether its launches take an input as f16; absent: none. */
  readsHalf?(input: number, node: GraphNode<A>): boolean;
  /** Output types. @throws {ShapeError} naming `label`, what was got and what was expected. */
  infer(inputs: readonly TensorType[], attributes: A, label: string): readonly TensorType[];
  /**
   * Gradients of the inputs from those of the outputs; `undefined` where nothing flows.
   * Absent for operators that only occur in gradients and for sources.
   */
  differentiate?(
    node: GraphNode<A>,
    outputGradients: readonly (SymbolicTensor | undefined)[],
    needed: readonly boolean[],
  ): readonly (SymbolicTensor | undefined)[];
  /** The obvious float64 implementation. Never modifies its inputs. */
  evaluate(
    inputs: readonly Values[],
    attributes: A,
    context: ReferenceContext,
    node: GraphNode<A>,
  ): readonly Values[];
  /** Emits the launches that compute the outputs. Absent for sources, which the scheduler places. */
  lower?(node: GraphNode<A>, lowering: Lowering): void;
}
