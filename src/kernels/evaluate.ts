import {
  type Constant,
  checked,
  combine,
  convertConstant,
  type Failure,
  readNumber,
} from './constants.ts';
import type { Token } from './tokens.ts';

/** Finds a named constant, or `undefined` where the name is known only at run time. */
export type ConstantLookup = (name: string) => Constant | undefined;

/** Result of an evaluation: a value, or why there is none. */
export type Evaluation =
  | { readonly value: Constant }
  | { readonly value: undefined; readonly problem: string };

const precedence: Readonly<Record<string, number>> = {
  '||': 1,
  '&&': 2,
  '|': 3,
  '^': 4,
  '&': 5,
  '==': 6,
  '!=': 6,
  '<': 7,
  '<=': 7,
  '>': 7,
  '>=': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
};

/**
 * Evaluates the constant expression of the tokens `[start, end)`: numbers, named constants, elements of
 * constant arrays, the operators of WGSL on scalars, `min`, `max`, `select` and conversions.
 */
export function evaluateConstant(
  tokens: readonly Token[],
  start: number,
  end: number,
  lookup: ConstantLookup,
): Evaluation {
  const reader = new Reader(tokens, start, end, lookup);
  const value = reader.expression(1);
  if ('problem' in value) return { value: undefined, problem: value.problem };
  const rest = tokens[reader.position];
  if (rest !== undefined && reader.position < end) {
    return { value: undefined, problem: `'${rest.text}' stands behind a constant` };
  }
  return { value };
}

class Reader {
  position: number;
  private readonly tokens: readonly Token[];
  private readonly end: number;
  private readonly lookup: ConstantLookup;

  constructor(tokens: readonly Token[], start: number, end: number, lookup: ConstantLookup) {
    this.tokens = tokens;
    this.position = start;
    this.end = end;
    this.lookup = lookup;
  }

  /** The token at the position, or `undefined` behind the end. */
  private peek(): Token | undefined {
    return this.position < this.end ? this.tokens[this.position] : undefined;
  }

  expression(minimum: number): Constant | Failure {
    let left = this.unary();
    while (!('problem' in left)) {
      const operator = this.peek()?.text ?? '';
      const level = precedence[operator];
      if (level === undefined || level < minimum) return left;
      this.position++;
      const right = this.expression(level + 1);
      if ('problem' in right) return right;
      left = combine(operator, left, right);
    }
    return left;
  }

  private unary(): Constant | Failure {
    const operator = this.peek()?.text;
    if (operator !== '-' && operator !== '!') return this.postfix();
    this.position++;
    const operand = this.unary();
    if ('problem' in operand) return operand;
    if (operator === '!') {
      if (operand.type !== 'bool') return { problem: `'!' is applied to ${operand.type}` };
      return { type: 'bool', value: 1 - operand.value };
    }
    if (operand.type === 'array' || operand.type === 'bool' || operand.type === 'u32') {
      return { problem: `'-' is applied to ${operand.type}` };
    }
    return checked(operand.type, -operand.value);
  }

  private postfix(): Constant | Failure {
    let value = this.primary();
    while (!('problem' in value) && this.peek()?.text === '[') {
      this.position++;
      const index = this.expression(1);
      if ('problem' in index) return index;
      this.position++;
      if (value.type !== 'array') return { problem: `a ${value.type} is indexed` };
      if (index.type === 'array') return { problem: 'an array is used as an index' };
      const item: Constant | undefined = value.items[index.value];
      if (item === undefined) {
        const count = value.items.length;
        return { problem: `index ${index.value} is outside a constant array of ${count}` };
      }
      value = item;
    }
    return value;
  }

  private primary(): Constant | Failure {
    const token = this.peek();
    if (token === undefined) return { problem: 'the expression has no end' };
    this.position++;
    if (token.kind === 'number') return readNumber(token.text);
    if (token.text === '(') {
      const value = this.expression(1);
      this.position++;
      return value;
    }
    if (token.kind !== 'word') return { problem: `'${token.text}' is no constant` };
    if (token.text === 'true') return { type: 'bool', value: 1 };
    if (token.text === 'false') return { type: 'bool', value: 0 };
    const next = this.peek()?.text;
    if (token.text === 'array') return this.arrayOf();
    if (next === '(') return this.call(token.text);
    return this.lookup(token.text) ?? { problem: `'${token.text}' is known only at run time` };
  }

  private list(): Constant[] | Failure {
    const items: Constant[] = [];
    const end = this.peek()?.pair ?? -1;
    this.position++;
    while (this.position < end) {
      const item = this.expression(1);
      if ('problem' in item) return item;
      items.push(item);
      this.position++;
    }
    this.position = end + 1;
    return items;
  }

  private arrayOf(): Constant | Failure {
    let type: string | undefined;
    if (this.peek()?.text === '<') {
      type = this.tokens[this.position + 1]?.text;
      while (this.position < this.tokens.length && this.peek()?.text !== '(') {
        this.position++;
      }
    }
    const items = this.list();
    if ('problem' in items) return items;
    if (type === undefined) return { type: 'array', items };
    const converted = items.map((item) => convertConstant(item, type));
    if (converted.some((item) => item === undefined)) {
      return { problem: `an element of the constant array is no ${type}` };
    }
    return { type: 'array', items: converted as Constant[] };
  }

  private call(name: string): Constant | Failure {
    if (!['min', 'max', 'select', 'u32', 'i32', 'f32'].includes(name)) {
      return { problem: `'${name}()' is not among the functions of constant expressions` };
    }
    const items = this.list();
    if ('problem' in items) return items;
    const [first, second, third] = items;
    if (name === 'min' || name === 'max') {
      if (first === undefined || second === undefined || items.length !== 2) {
        return { problem: `'${name}()' takes two numbers` };
      }
      const smaller = combine('<', first, second);
      if ('problem' in smaller || smaller.type === 'array') return smaller;
      return (smaller.value === 1) === (name === 'min') ? first : second;
    }
    if (name === 'select') {
      if (first === undefined || second === undefined || third?.type !== 'bool') {
        return { problem: `'select()' takes two values and a condition` };
      }
      return third.value === 1 ? second : first;
    }
    if (first === undefined || items.length !== 1 || first.type === 'array') {
      return { problem: `'${name}()' takes one number` };
    }
    const type = name as 'u32' | 'i32' | 'f32';
    return checked(type, type === 'f32' ? first.value : Math.trunc(first.value));
  }
}
