import { ShaderError } from '../errors.ts';
import type { StructLayout } from './description.ts';
import type { Token } from './tokens.ts';

/** How a WGSL type lies in memory, in words of 32 bits. */
export type MemoryLayout =
  | { readonly kind: 'scalar'; readonly type: ScalarName; readonly words: 1 }
  | {
      readonly kind: 'vector';
      readonly type: string;
      readonly scalar: ScalarName;
      readonly lanes: number;
      readonly words: number;
    }
  | {
      readonly kind: 'struct';
      readonly type: string;
      readonly fields: ReadonlyMap<string, StructMember>;
      readonly words: number;
    }
  | {
      readonly kind: 'array';
      readonly element: MemoryLayout;
      /** Undefined where the size is that of the binding. */
      readonly count: number | undefined;
      readonly words: number;
    };

/** A field of a struct: its distance from the struct's start, and what it holds. */
export interface StructMember {
  readonly offset: number;
  readonly layout: MemoryLayout;
}

export type ScalarName = 'f32' | 'u32' | 'i32';

const scalarOfSuffix: Readonly<Record<string, ScalarName>> = { f: 'f32', u: 'u32', i: 'i32' };

/** The layout of a scalar or vector type, or undefined for any other. */
export function layOutPlain(type: string): MemoryLayout | undefined {
  if (type === 'f32' || type === 'u32' || type === 'i32') return { kind: 'scalar', type, words: 1 };
  const [, lanes, suffix] = /^vec([234])([fui])$/.exec(type) ?? [];
  const scalar = scalarOfSuffix[suffix ?? ''];
  if (lanes === undefined || !scalar) return undefined;
  const words = lanes === '3' ? 4 : Number(lanes);
  return { kind: 'vector', type, scalar, lanes: Number(lanes), words };
}

/** The layout of a struct of scalars and vectors. @throws {ShaderError} for other fields. */
export function layOutStruct(type: string, { fields, sizeBytes }: StructLayout): MemoryLayout {
  const members = new Map<string, StructMember>();
  for (const [name, field] of Object.entries(fields)) {
    const layout = layOutPlain(field.type);
    if (!layout) {
      throw new ShaderError(
        `struct ${type}: field '${name}' is ${field.type}, a fused kernel takes scalars and vectors.`,
      );
    }
    members.set(name, { offset: field.offsetBytes / 4, layout });
  }
  return { kind: 'struct', type, fields: members, words: sizeBytes / 4 };
}

/**
 * The layout of the type whose tokens start at `start`.
 *
 * @param structs - layouts of the structs it may name.
 * @param evaluate - the value of the constant expression of the tokens `[start, end)`.
 * @returns the layout, and the index behind the type.
 * @throws {ShaderError} for types that a fused kernel cannot keep in words.
 */
export function readType(
  tokens: readonly Token[],
  start: number,
  structs: ReadonlyMap<string, StructLayout>,
  evaluate: (start: number, end: number) => number,
): { readonly layout: MemoryLayout; readonly end: number } {
  const name = tokens[start]?.text ?? '';
  if (name !== 'array') {
    const struct = structs.get(name);
    const layout = struct ? layOutStruct(name, struct) : layOutPlain(name);
    if (!layout) throw new ShaderError(`a fused kernel cannot keep the type '${name}' in words.`);
    return { layout, end: start + 1 };
  }
  const element = readType(tokens, start + 2, structs, evaluate);
  let end = element.end;
  let count: number | undefined;
  if (tokens[end]?.text === ',') {
    const first = end + 1;
    while (tokens[end] !== undefined && tokens[end]?.text !== '>') end++;
    count = evaluate(first, end);
  }
  const { layout } = element;
  const words = layout.words * (count ?? 1);
  return { layout: { kind: 'array', element: layout, count, words }, end: end + 1 };
}
