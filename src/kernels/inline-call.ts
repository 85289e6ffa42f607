import type { Declaration } from './module.ts';
import { seek, shaderError, type Token } from './tokens.ts';

/** What a call of an inlined function gives one of its parameters: the tokens `[start, end)` of the caller's file. */
export interface Argument {
  readonly name: string;
  /** `u32`, `bool`, …; `ptr` for any pointer. */
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a call `name(a, &b);` whose name stands at `index`.
 *
 * @throws {ShaderError} where it is no statement of its own, or the arguments do not fit.
 */
export function readInlineCall(
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
function readParameters({ file: { tokens }, keyword }: Declaration) {
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

/** Refuses what has no meaning once a function's body stands in its caller. */
export function checkInline({ file, name, keyword, end }: Declaration): void {
  const { tokens, path } = file;
  const open = seek(tokens, keyword, end, '{');
  for (let at = keyword; at < end; at++) {
    const { text, line } = tokens[at] as Token;
    if (text === 'return' || (text === '->' && at < open)) {
      const message = `inlined function '${name}' gives something back`;
      throw shaderError(path, line, `${message}. Write it through a pointer.`);
    }
  }
}
