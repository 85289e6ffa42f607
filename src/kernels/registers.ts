import type { Declaration, ShaderModule } from './module.ts';
import type { Local, Scope } from './scope.ts';
import { seek, shaderError, type Token } from './tokens.ts';

const elements = /^(?:f32|i32|u32|bool|f16|vec[234][fiuh])$/;

/** Reads `var name: array<TYPE, SIZE>; // registers` whose `var` stands at `index`. */
function readRegisters(
  { file }: Declaration,
  index: number,
): { element: string; countStart: number; countEnd: number; end: number } {
  const { tokens, path } = file;
  const text = (at: number) => tokens[at]?.text;
  const end = seek(tokens, index, tokens.length, ';');
  const element = text(index + 5) ?? '';
  const shape = `${text(index + 2)}${text(index + 3)}${text(index + 4)}${text(index + 6)}`;
  if (shape !== ':array<,' || text(end - 1) !== '>' || !elements.test(element)) {
    const expected = 'var name: array<f32, size>; // registers, with f32, i32, u32, bool or vec4f';
    const { line } = tokens[index] as Token;
    throw shaderError(path, line, `register array has another form, expected ${expected}.`);
  }
  return { element, countStart: index + 7, countEnd: end - 1, end: end + 1 };
}

const mostRegisters = 4096;

/** Binds the array whose `var` stands at `index`, and writes its scalars. */
export function declareRegisters(
  scope: Scope,
  module: ShaderModule,
  declaration: Declaration,
  index: number,
): { text: string; end: number } {
  const { element, countStart, countEnd, end } = readRegisters(declaration, index);
  const [{ before }, name] = declaration.file.tokens.slice(index, index + 2) as [Token, Token];
  const what = `size of register array '${name.text}'`;
  const remedy = 'Give it literals and constants of the module.';
  const { value: count, type } = scope.evaluate(countStart, countEnd, what, remedy);
  if (type === 'bool' || !Number.isInteger(count) || count < 1 || count > mostRegisters) {
    scope.fail(name, `${what} is ${count}, expected an integer from 1 to ${mostRegisters}.`);
  }
  const scalars = scalarsOf(name.text, count);
  const taken = scalars.find((scalar) => module.find(scalar) ?? scope.find(scalar));
  if (taken !== undefined) {
    scope.fail(
      name,
      `'${taken}' of register array '${name.text}' is declared already. Rename one.`,
    );
  }
  scope.bind(name.text, { kind: 'registers', name: name.text, element, count, line: name.line });
  return { text: scalars.map((scalar) => `${before}var ${scalar} = ${element}();`).join(''), end };
}

function scalarsOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, item) => `${name}_${item}`);
}

type Registers = Local & { readonly kind: 'registers' };

/** A piece of the expanded text, and where the tokens that it stands for end. */
interface Replacement {
  readonly text: string;
  readonly end: number;
}

/**
 * The array made of its scalars, where the tokens at `index` are a whole register array, or `*name` of a pointer to one,
 * that a variable is given: `= name;`.
 */
export function copyRegisters(
  scope: Scope,
  tokens: readonly Token[],
  index: number,
): Replacement | undefined {
  if (tokens[index - 1]?.text !== '=') return undefined;
  const isDereferenced = tokens[index]?.text === '*';
  const nameAt = isDereferenced ? index + 1 : index;
  if (tokens[nameAt + 1]?.text !== ';') return undefined;
  const local = scope.find(tokens[nameAt]?.text ?? '');
  if (local?.kind !== 'registers' || (local.isPointer ?? false) !== isDereferenced)
    return undefined;
  const { name, element, count } = local;
  const { before } = tokens[index] as Token;
  const scalars = scalarsOf(name, count).join(', ');
  return { text: `${before}array<${element}, ${count}>(${scalars})`, end: nameAt + 1 };
}

/** What a register array's name at `index` stands for: the scalar that `name[i]` denotes, or a copy of all. */
export function readRegister(
  scope: Scope,
  tokens: readonly Token[],
  index: number,
  { name, count, line, isPointer }: Registers,
): Replacement {
  const copy = copyRegisters(scope, tokens, index);
  if (copy) return copy;
  const [token, bracket] = tokens.slice(index, index + 2) as [Token, Token];
  if (bracket.text !== '[') {
    const message = `register array '${token.text}' is used as a whole, expected an index`;
    const copied = isPointer ? `*${token.text}` : token.text;
    scope.fail(token, `${message}. Registers have no address; a copy reads 'copy = ${copied};'.`);
  }
  const what = `index of register array '${token.text}'`;
  const remedy = `Mark the loop with '// unroll', or drop '// registers' in line ${line}.`;
  const { type, value } = scope.evaluate(index + 2, bracket.pair, what, remedy);
  if (type === 'bool' || type === 'f32' || type === 'float') {
    scope.fail(token, `${what} is a ${type}, expected u32.`);
  }
  if (value < 0 || value >= count) {
    const range = `outside 0 … ${count - 1}`;
    scope.fail(token, `index ${value} of register array '${token.text}' is ${range}.`);
  }
  return { text: `${token.before}${name}_${value}`, end: bracket.pair + 1 };
}
