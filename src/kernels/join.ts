import { assembleShader } from './assemble.ts';
import type { KernelDescription, PartDescription } from './description.ts';
import { parts as everyPart } from './generated/parts.ts';

/** What {@link joinKernel} needs to know. */
export interface JoinRequest {
  readonly kernel: KernelDescription;
  /** The cell joined at `//! join cell`; required exactly where the kernel has that line. */
  readonly cell?: PartDescription | undefined;
  /** A value for every specialised constant of the kernel, its parts and its cell. */
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Library parts by name; the project's own unless given. */
  readonly parts?: Readonly<Record<string, PartDescription>>;
}

/**
 * The complete WGSL of a launch: the kernel joined with its parts and its cell, its constants set,
 * its marked loops unrolled and its register arrays turned into scalars. Equal requests give equal
 * text. The dialect is described in `shaders/README.md`.
 *
 * @throws {ShaderError} naming file and line, for parts, constants, loops or indices that do not fit.
 */
export function joinKernel(request: JoinRequest): { code: string } {
  const { kernel, cell, constants, parts = everyPart } = request;
  const own = { name: `kernels/${kernel.name}`, source: kernel.source };
  return { code: assembleShader({ kernel: own, cell, parts, constants }).code };
}
