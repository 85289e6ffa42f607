/** Scalar types a specialised constant of a shader can have. */
export type ConstantType = 'u32' | 'i32' | 'f32' | 'bool';

/** A member of a WGSL struct: where it lies and what it holds. */
export interface StructField {
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  /** WGSL type, e.g. `u32`, `f32`, `vec4f`, `array<u32, 4>`. */
  readonly type: string;
}

/** Layout of a WGSL struct, reflected from the shader. */
export interface StructLayout {
  readonly sizeBytes: number;
  readonly fields: { readonly [name: string]: StructField };
}

/** One resource a kernel binds, reflected from the shader. */
export interface BindingDescription {
  readonly group: number;
  readonly binding: number;
  readonly kind: 'storage' | 'uniform';
  readonly access: 'read' | 'read_write';
  /** WGSL type as written, e.g. `array<f32>` or `Params`. */
  readonly type: string;
  /** Layout where the type is a struct of known size, else absent. */
  readonly struct?: StructLayout;
  /** Layout of an element where the type is an array of structs, else absent. */
  readonly element?: StructLayout;
}

/** A compute kernel as plain data: WGSL text and everything the host needs to bind it. */
export interface KernelDescription {
  readonly name: string;
  readonly entryPoint: string;
  /** The kernel's own WGSL, unexpanded and not yet joined. */
  readonly source: string;
  /** Library parts joined in front, in order, e.g. `lib/activations`. */
  readonly joins: readonly string[];
  /** The shader folder whose cells are joined in at plan time, if any. */
  readonly cell: false | 'cells' | 'scan-cells';
  /**
   * Constants that a launch must give a value (`// specialize` in the WGSL), with their types: those
   * of the kernel and of the library parts it joins. A cell brings its own.
   */
  readonly constants: { readonly [name: string]: ConstantType };
  readonly bindings: { readonly [name: string]: BindingDescription };
}

/** A part that kernels join: a library file or a cell. */
export interface PartDescription {
  /** File in the shader folder without `.wgsl`, e.g. `lib/activations` or `cells/lstm`. */
  readonly name: string;
  readonly source: string;
  /** Specialised constants of the part and of the parts that it joins itself. */
  readonly constants: { readonly [name: string]: ConstantType };
}

/** Value of a specialised constant. */
export type ConstantValue<T extends ConstantType> = T extends 'bool' ? boolean : number;

/** Names of the storage bindings of a kernel. */
export type StorageBindings<K extends KernelDescription> = {
  [N in keyof K['bindings'] as K['bindings'][N]['kind'] extends 'storage' ? N : never]: unknown;
};
