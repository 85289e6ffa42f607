import type { ConstantType } from './description.ts';

/** Types that a constant marked `// specialize` may have. */
export const constantTypes: readonly ConstantType[] = ['u32', 'i32', 'f32', 'bool'];

const ranges: Record<ConstantType, string> = {
  u32: 'an integer from 0 to 4294967295',
  i32: 'an integer from -2147483648 to 2147483647',
  f32: 'a finite number of float32',
  bool: 'true or false',
};

/** Why a value is none of its type, as a sentence, or `undefined` where it is one. */
export function checkConstant(
  name: string,
  type: ConstantType,
  value: unknown,
): string | undefined {
  if (value === undefined) {
    return `constant '${name}' (${type}) has no value, expected ${ranges[type]}. Pass constants: { ${name}: … }.`;
  }
  if (isOfType(type, value)) return undefined;
  const got = typeof value === 'string' ? `'${value}'` : String(value);
  return `constant '${name}' (${type}) is ${got}, expected ${ranges[type]}.`;
}

function isOfType(type: ConstantType, value: unknown): boolean {
  if (type === 'bool') return typeof value === 'boolean';
  if (typeof value !== 'number') return false;
  if (type === 'f32') return Number.isFinite(Math.fround(value));
  if (!Number.isInteger(value)) return false;
  return type === 'u32'
    ? value >= 0 && value <= 0xffffffff
    : value >= -0x80000000 && value <= 0x7fffffff;
}

/** WGSL text of a value that {@link checkConstant} accepts, for a declaration that names the type. */
export function formatConstant(type: ConstantType, value: number): string {
  if (type === 'bool') return value === 0 ? 'false' : 'true';
  if (type === 'u32') return `${value}u`;
  if (type === 'i32') return String(value);
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
}
