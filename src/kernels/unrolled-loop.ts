import { type ConstantScalar, convertConstant } from './constants.ts';
import type { Declaration } from './module.ts';
import type { Scope } from './scope.ts';
import { seek, shaderError, type Token } from './tokens.ts';

const remedy = 'Unrolled loops need bounds that are known when the plan is made.';

/** The header of a loop to unroll: `for (var r = 0u; r < rows; r += step) { // unroll`. */
export class UnrolledLoop {
  readonly name: string;
  private readonly type: 'u32' | 'i32' | undefined;
  private readonly start: number;
  private readonly startEnd: number;
  private readonly conditionEnd: number;
  private readonly operator: string;
  private readonly end: number;
  private readonly tokens: readonly Token[];

  /** @throws {ShaderError} where the `for` at `index` has another form. */
  constructor({ file }: Declaration, index: number) {
    const { tokens, path } = file;
    const header = tokens[index + 1] as Token;
    const text = (at: number) => tokens[at]?.text;
    const nameAt = index + 3;
    const type = text(nameAt + 1) === ':' ? text(nameAt + 2) : undefined;
    const equals = type === undefined ? nameAt + 1 : nameAt + 3;
    this.tokens = tokens;
    this.name = text(nameAt) ?? '';
    this.type = type === 'u32' || type === 'i32' ? type : undefined;
    this.end = header.pair;
    this.start = equals + 1;
    this.startEnd = seek(tokens, equals, this.end, ';');
    this.conditionEnd = seek(tokens, this.startEnd + 1, this.end, ';');
    this.operator = text(this.conditionEnd + 2) ?? '';
    const stepped = this.operator === '+=' || this.operator === '-=';
    const counted = this.operator === '++' || this.operator === '--';
    const fits =
      text(index + 2) === 'var' &&
      text(equals) === '=' &&
      this.type === type &&
      this.conditionEnd < this.end &&
      text(this.conditionEnd + 1) === this.name &&
      (stepped || (counted && this.conditionEnd + 3 === this.end));
    if (fits) return;
    const expected = 'for (var r = 0u; r < rows; r++) { // unroll, or r += step';
    throw shaderError(path, header.line, `unrolled loop has another form, expected ${expected}.`);
  }

  /** Value of the variable in the first round. */
  first(scope: Scope): ConstantScalar {
    const what = `start of the unrolled loop over '${this.name}'`;
    const start = scope.evaluate(this.start, this.startEnd, what, remedy);
    const type = this.type ?? (start.type === 'int' ? 'i32' : start.type);
    const value = convertConstant(start, type);
    if (value?.type === 'u32' || value?.type === 'i32') return value;
    const expected = this.type ?? 'u32 or i32';
    scope.fail(this.token(this.start), `${what} is a ${start.type}, expected ${expected}.`);
  }

  /** Whether the round runs whose value the scope holds. */
  holds(scope: Scope): boolean {
    const what = `condition of the unrolled loop over '${this.name}'`;
    const { type, value } = scope.evaluate(this.startEnd + 1, this.conditionEnd, what, remedy);
    if (type === 'bool') return value === 1;
    scope.fail(this.token(this.startEnd + 1), `${what} is a ${type}, expected bool.`);
  }

  /** Value of the variable in the round behind the one with `value`. */
  next(scope: Scope, { type, value }: ConstantScalar): ConstantScalar {
    const step = this.step(scope, type);
    const descends = this.operator === '--' || this.operator === '-=';
    const result = { type, value: descends ? value - step : value + step };
    if (convertConstant(result, type) !== undefined) return result;
    const message = `unrolled loop over '${this.name}' leaves ${type} at ${result.value}`;
    scope.fail(this.token(this.conditionEnd + 1), `${message}. Change its condition.`);
  }

  private step(scope: Scope, type: string): number {
    if (this.operator === '++' || this.operator === '--') return 1;
    const at = this.conditionEnd + 3;
    const what = `step of the unrolled loop over '${this.name}'`;
    const step = scope.evaluate(at, this.end, what, remedy);
    if (step.value !== 0 && (step.type === type || step.type === 'int')) return step.value;
    const got = `${step.value} (${step.type})`;
    scope.fail(this.token(at), `${what} is ${got}, expected a ${type} other than 0.`);
  }

  private token(index: number): Token {
    return this.tokens[index] as Token;
  }
}
