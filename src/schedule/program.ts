import type { Lowering, PlanLimits, PlanStrategy, Precision, Strategy } from '../graph/operator.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';
import type { ShapeSource } from '../graph/tunable.ts';
import type { ParameterLayout } from './parameter-layout.ts';

/** Launches that do not come from the graph: batch gathering, clipping, optimizer updates. */
export type Stage = (lowering: Lowering) => void;

/** What is to be computed: tensors of a graph, and where some of them go. */
export interface Program {
  readonly name: string;
  readonly parameters: ParameterLayout;
  /** Tensors that can be read back by name. */
  readonly outputs: ReadonlyMap<string, SymbolicTensor>;
  /** Parameter gradients by parameter name; they land in the flat gradient buffer. */
  readonly gradients?: ReadonlyMap<string, SymbolicTensor>;
  /** Further tensors that {@link after} reads. */
  readonly alsoComputed?: readonly SymbolicTensor[];
  /** A submit repeats it many times, with the same parameters. */
  readonly isRepeated?: boolean;
  /** Runs before the graph in every repetition. */
  readonly before?: Stage;
  /** Runs after the graph in every repetition. */
  readonly after?: Stage;
}

/** Choices that do not change results beyond rounding. */
export interface ScheduleOptions {
  readonly limits: PlanLimits;
  /** How weights, activations and their gradients are stored. Default `f32`. */
  readonly precision?: Precision;
  /** Forces a strategy: `resident` for the plan, others for all recurrences or by node label. */
  readonly strategy?: PlanStrategy | ReadonlyMap<string, Strategy>;
  /** Shapes of kernels that are not to be left to the rules: those that a tuning has measured. */
  readonly tuning?: ShapeSource;
  /** Keeps every tensor readable under its label: no buffer is shared. For finding non-finite values. */
  readonly keepsAll?: boolean;
  /** Packs weights once per submit and not once per repetition: nothing in the plan changes them. */
  readonly packsOnce?: boolean;
  /** Put before the keys of carried states, to keep those of evaluation apart from those of training. */
  readonly statePrefix?: string;
}

/** Keys of the shared buffers that plans know by name. */
export const sharedKeys = {
  parameters: 'parameters',
  gradients: 'gradients',
  state: (name: string): string => `state/${name}`,
} as const;
