/** A scalar known when a plan is made. `int` and `float` are WGSL's abstract numbers. */
export interface ConstantScalar {
  readonly type: 'u32' | 'i32' | 'f32' | 'bool' | 'int' | 'float';
  /** The number; 0 or 1 for `bool`. */
  readonly value: number;
}

/** A value known when a plan is made: a scalar, or a one-dimensional array of them. */
export type Constant =
  | ConstantScalar
  | { readonly type: 'array'; readonly items: readonly Constant[] };

/** Why there is no value, as a clause for an error message. */
export interface Failure {
  readonly problem: string;
}

/** Converts a constant to a declared WGSL type; `undefined` where the value does not fit it. */
export function convertConstant(value: Constant, type: string): Constant | undefined {
  if (value.type === 'array') return value;
  const { value: number } = value;
  if (type === 'bool') return value.type === 'bool' ? value : undefined;
  if (value.type === 'bool') return undefined;
  if (type === 'f32') {
    return value.type === 'u32' || value.type === 'i32'
      ? undefined
      : { type, value: Math.fround(number) };
  }
  if (type !== 'u32' && type !== 'i32') return undefined;
  if (value.type !== type && value.type !== 'int') return undefined;
  return fits(type, number) ? { type, value: number } : undefined;
}

/** Whether an integer lies in the range of a WGSL type. */
export function fits(type: string, value: number): boolean {
  if (!Number.isInteger(value)) return false;
  if (type === 'u32') return value >= 0 && value <= 0xffffffff;
  if (type === 'i32') return value >= -0x80000000 && value <= 0x7fffffff;
  return Number.isSafeInteger(value);
}

/** Value of a WGSL number such as `3u`, `0x10` or `1.5f`. */
export function readNumber(text: string): ConstantScalar | Failure {
  const hexadecimal = /^0[xX]/.test(text);
  if (/[.pP]/.test(text) && hexadecimal) {
    return { problem: `hexadecimal fraction '${text}' is not supported in constant expressions` };
  }
  const suffix = (hexadecimal ? /[iu]$/ : /[iufh]$/).exec(text)?.[0];
  const digits = suffix === undefined ? text : text.slice(0, -1);
  const value = Number(digits);
  if (suffix === 'h') return { problem: `'${text}' is f16` };
  if (suffix === 'u') return checked('u32', value);
  if (suffix === 'i') return checked('i32', value);
  if (suffix === 'f') return checked('f32', value);
  return { type: !hexadecimal && /[.eE]/.test(digits) ? 'float' : 'int', value };
}

/** A number of a type, or the reason why it is none. */
export function checked(type: ConstantScalar['type'], value: number): ConstantScalar | Failure {
  if (type === 'f32') return { type, value: Math.fround(value) };
  if (type === 'float' || fits(type, value)) return { type, value };
  return { problem: `${value} is no ${type}` };
}

/** The type two operands agree on, as WGSL converts abstract numbers. */
function commonType(a: ConstantScalar, b: ConstantScalar): ConstantScalar['type'] | undefined {
  if (a.type === b.type) return a.type;
  if (a.type === 'int' && b.type !== 'bool') return b.type;
  if (b.type === 'int' && a.type !== 'bool') return a.type;
  if (a.type === 'float' && b.type === 'f32') return 'f32';
  if (b.type === 'float' && a.type === 'f32') return 'f32';
  return undefined;
}

/** Result of a binary operator of WGSL, with the types converted as WGSL converts them. */
export function combine(operator: string, a: Constant, b: Constant): Constant | Failure {
  if (a.type === 'array' || b.type === 'array') {
    return { problem: `'${operator}' is applied to an array` };
  }
  const type = operator === '<<' || operator === '>>' ? a.type : commonType(a, b);
  if (type === undefined) return { problem: `'${operator}' mixes ${a.type} and ${b.type}` };
  const [x, y] = [a.value, b.value];
  const truth = (holds: boolean): ConstantScalar => ({ type: 'bool', value: holds ? 1 : 0 });
  const whole = type === 'u32' || type === 'i32' || type === 'int';
  switch (operator) {
    case '==':
      return truth(x === y);
    case '!=':
      return truth(x !== y);
    case '<':
      return truth(x < y);
    case '<=':
      return truth(x <= y);
    case '>':
      return truth(x > y);
    case '>=':
      return truth(x >= y);
  }
  if (type === 'bool') {
    if (operator === '&&' || operator === '&') return truth(x * y === 1);
    if (operator === '||' || operator === '|') return truth(x + y > 0);
    return { problem: `'${operator}' is applied to bool` };
  }
  switch (operator) {
    case '+':
      return checked(type, x + y);
    case '-':
      return checked(type, x - y);
    case '*':
      return checked(type, x * y);
    case '/':
      if (whole && y === 0) return { problem: 'a division by zero' };
      return checked(type, whole ? Math.trunc(x / y) : x / y);
    case '%':
      if (whole && y === 0) return { problem: 'a division by zero' };
      return checked(type, x % y);
  }
  if (!whole) return { problem: `'${operator}' is applied to ${type}` };
  switch (operator) {
    case '<<':
      return checked(type, x * 2 ** y);
    case '>>':
      return checked(type, Math.floor(x / 2 ** y));
    case '&':
      return checked(type, Number(BigInt(x) & BigInt(y)));
    case '|':
      return checked(type, Number(BigInt(x) | BigInt(y)));
    case '^':
      return checked(type, Number(BigInt(x) ^ BigInt(y)));
  }
  return { problem: `'${operator}' is applied to ${a.type}` };
}
