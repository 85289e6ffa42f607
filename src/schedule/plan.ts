/**
 * What a buffer of a plan is for, and with it who creates it:
 * `shared` buffers (parameters, gradients, optimizer moments, resident data, training state) outlive
 * the plan and are given to it by key; the others belong to the plan.
 */
export type PlanBufferRole = 'shared' | 'activation' | 'constant' | 'uniform';

/** A GPU buffer that a plan uses. Its index in {@link Plan.buffers} is its identity. */
export interface PlanBuffer {
  readonly label: string;
  readonly bytes: number;
  readonly role: PlanBufferRole;
  /** Content of a `constant` or `uniform` buffer, written once when the plan is compiled. */
  readonly content?: Uint8Array;
  /** Parts of an `activation` buffer that are constant, in a plan whose buffers are one. */
  readonly contents?: readonly PlanContent[];
  /** Key of a `shared` buffer, e.g. `parameters`. */
  readonly key?: string;
}

/** A constant within a buffer: what it holds, and the room it takes. */
export interface PlanContent {
  readonly offsetBytes: number;
  readonly bytes: number;
  readonly content: Uint8Array;
}

/** A range of a plan's buffer. `offsetBytes` is a multiple of 256 where the view is bound. */
export interface BufferView {
  readonly buffer: number;
  readonly offsetBytes: number;
  readonly bytes: number;
  /** In resident plans: words between neighbours along each index, then between the numbers of an element. */
  readonly strides?: readonly number[];
  /** Of uniforms: whether they do not follow from the program, so that a resident kernel must not be built for them. */
  readonly isSetting?: boolean;
}

/** Work of a launch as counted from the algorithm, not measured. A gather counts no FLOPs. */
export interface LaunchCost {
  readonly flops: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** One compute dispatch: plain data, ready to be compiled and replayed. */
export interface Launch {
  /** Path of the launch, e.g. `lstm/recurrence-forward`. Labels GPU objects and errors. */
  readonly label: string;
  /** Name of the kernel in the kernel registry. */
  readonly kernel: string;
  /** Name of the cell part joined in, for kernels that take one. */
  readonly cell?: string;
  /** Every specialised constant of the kernel, its parts and its cell. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Storage and uniform bindings by WGSL name. */
  readonly bindings: Readonly<Record<string, BufferView>>;
  readonly workgroups: readonly [number, number, number];
  readonly cost: LaunchCost;
}

/** A choice that the scheduler made, kept for `explain()`. */
export interface Decision {
  readonly node: string;
  readonly choice: string;
  readonly reason: string;
}

/** A view of a tensor in a plan, for reading it back or filling it. */
export interface PlanTensor {
  readonly view: BufferView;
  readonly shape: readonly number[];
  readonly dtype: 'f32' | 'i32' | 'f16';
}

/** How one workgroup runs a plan. */
export interface ResidentPlan {
  /** Threads of the workgroup. */
  readonly lanes: number;
  /** Most repetitions in one dispatch, a power of two: it must not run for long. */
  readonly mostRepeats: number;
}

/** A flat list of launches with their buffers, decided before anything runs. */
export interface Plan {
  readonly name: string;
  readonly buffers: readonly PlanBuffer[];
  /** Run once per submit, before the first repetition: weight packing of plans that train nothing. */
  readonly prologue: readonly Launch[];
  /** Run once per step. */
  readonly launches: readonly Launch[];
  /** Tensors that the caller may write (inputs) or read (outputs, gradients, kept activations). */
  readonly tensors: ReadonlyMap<string, PlanTensor>;
  readonly decisions: readonly Decision[];
  /** Set where one workgroup runs all launches of a repetition, and many repetitions, in one dispatch. */
  readonly resident?: ResidentPlan;
  /** Most bytes of activations alive at one launch: what sharing their buffers cannot go below. */
  readonly neededBytes: number;
}
