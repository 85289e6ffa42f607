import { convertConstant } from './constants.ts';
import type { ConstantType } from './description.ts';
import type { Declaration } from './module.ts';
import { isPointer, type Local, type Scope } from './scope.ts';
import { formatConstant } from './specialize.ts';
import { seek, shaderError, type Token } from './tokens.ts';

/** What a call of an inlined function gives one of its parameters: the tokens `[start, end)` of the caller's file. */
export interface Argument {
  readonly name: string;
  /** `u32`, `bool`, …; `ptr` for any pointer. */
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** A call of an inlined function: what its parameters mean in the body, and those that become a `let` before it. */
export interface BoundCall {
  readonly parameters: ReadonlyMap<string, Local>;
  readonly values: readonly Argument[];
  readonly end: number;
}

/**
 * Gives the parameters of an inlined function what a call `name(a, &b);` whose name stands at `index` passes in.
 *
 * @param scope - the caller's.
 * @throws {ShaderError} where it is no statement of its own, or the arguments do not fit.
 */
export function bindCall(
  scope: Scope,
  caller: Declaration,
  index: number,
  called: Declaration,
): BoundCall {
  const { tokens } = caller.file;
  const { arguments: given, end } = readCall(caller, index, called);
  const parameters = new Map<string, Local>();
  const values: Argument[] = [];
  for (const argument of given) {
    const { name, type, start, end: stop } = argument;
    const bound = type === 'ptr' ? pointee(scope, tokens, argument) : constantOf(scope, argument);
    parameters.set(name, bound ?? { kind: 'runtime' });
    if (bound) continue;
    const words = tokens.slice(start, stop);
    const hidden = words.find(({ text }) => values.some((value) => value.name === text));
    if (hidden) {
      const message = `'${hidden.text}' is a parameter of '${called.name}', too, and declared before`;
      scope.fail(hidden, `${message}. Rename one.`);
    }
    if (words.length > 1 || words[0]?.text !== name) values.push(argument);
  }
  return { parameters, values, end };
}

/** What `*name` at `index` stands for: `name` is a pointer of an inlined function, and no factor stands before it. */
export function dereferenced(
  scope: Scope,
  tokens: readonly Token[],
  index: number,
): string | undefined {
  if (tokens[index]?.text !== '*') return undefined;
  const before = tokens[index - 1];
  const isFactor = before?.kind !== 'punctuation' || before.text === ')' || before.text === ']';
  const local = scope.find(tokens[index + 1]?.text ?? '');
  return !isFactor && local?.kind === 'alias' ? local.name : undefined;
}

function constantOf(scope: Scope, { type, start, end }: Argument): Local | undefined {
  const { value } = scope.evaluated(start, end);
  const constant = value && convertConstant(value, type);
  if (!constant || constant.type === 'array') return undefined;
  const text = formatConstant(type as ConstantType, constant.value);
  return { kind: 'loop', value: constant, text: constant.value < 0 ? `(${text})` : text };
}

/** What `&name` points to, or `name` where that is a pointer itself. */
function pointee(scope: Scope, tokens: readonly Token[], argument: Argument): Local {
  const { start, end } = argument;
  const token = tokens[end - 1] as Token;
  const local = scope.find(token.text);
  const isHanded = isPointer(local);
  const fits = isHanded ? end === start + 1 : end === start + 2 && tokens[start]?.text === '&';
  if (!fits || !local || local.kind === 'loop') {
    const got = tokens.slice(start, end).map(({ text }) => text);
    const expected = isHanded
      ? `${token.text}, a pointer already`
      : '& and a variable of the caller';
    scope.fail(token, `argument '${argument.name}' is '${got.join('')}', expected ${expected}.`);
  }
  if (local.kind === 'alias') return local;
  return local.kind === 'registers'
    ? { ...local, isPointer: true }
    : { kind: 'alias', name: token.text };
}

/**
 * Reads a call `name(a, &b);` whose name stands at `index`.
 *
 * @throws {ShaderError} where it is no statement of its own, or the arguments do not fit.
 */
function readCall(
  caller: Declaration,
  index: number,
  called: Declaration,
): { arguments: readonly Argument[]; end: number } {
  const { tokens, path } = caller.file;
  const { line, text: name } = tokens[index] as Token;
  const open = tokens[index + 1];
  const isStatement = /^[;{}]$/.test(tokens[index - 1]?.text ?? '');
  if (!isStatement || open?.text !== '(' || tokens[open.pair + 1]?.text !== ';') {
    const message = `inlined function '${name}' is used in an expression, expected '${name}(…);'`;
    throw shaderError(path, line, `${message}. It gives nothing back: pass a pointer.`);
  }
  const parameters = readParameters(called);
  const ranges: { start: number; end: number }[] = [];
  for (let start = index + 2; start < open.pair; ) {
    const end = seek(tokens, start, open.pair, ',');
    ranges.push({ start, end });
    start = end + 1;
  }
  if (ranges.length !== parameters.length) {
    const expected = parameters.map((parameter) => parameter.name).join(', ') || 'none';
    const message = `'${name}' gets ${ranges.length} arguments, expected ${parameters.length}`;
    throw shaderError(path, line, `${message}: ${expected}.`);
  }
  const given = parameters.map((parameter, at) => ({
    ...parameter,
    ...(ranges[at] as { start: number; end: number }),
  }));
  return { arguments: given, end: open.pair + 2 };
}

/** Names and types of a function's parameters. */
export function readParameters({ file: { tokens }, keyword }: Declaration) {
  const parameters: { name: string; type: string }[] = [];
  const { pair } = tokens[keyword + 2] as Token;
  let depth = 0;
  for (let at = keyword + 3; at < pair; at++) {
    const { text } = tokens[at] as Token;
    if (text === ':' && depth === 0) {
      const [name, type] = [tokens[at - 1]?.text ?? '', tokens[at + 1]?.text ?? ''];
      parameters.push({ name, type });
    }
    depth += text === '<' ? 1 : text === '>' ? -1 : text === '>>' ? -2 : 0;
  }
  return parameters;
}
