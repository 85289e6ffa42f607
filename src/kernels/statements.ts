import type { Declaration } from './module.ts';
import { seek, shaderError, type Token } from './tokens.ts';

/**
 * Refuses `break` and `continue` that would leave an unrolled loop: after unrolling they would mean
 * the loop around it, or nothing.
 */
export function checkJumps(
  declaration: Declaration,
  start: number,
  end: number,
  inSwitch = false,
): void {
  const { tokens, path } = declaration.file;
  for (let at = start; at < end; at++) {
    const { text, line, kind } = tokens[at] as Token;
    if (kind !== 'word') continue;
    if (text === 'for' || text === 'while' || text === 'loop') {
      at = tokens[seek(tokens, at + 1, end, '{')]?.pair ?? end;
    } else if (text === 'switch') {
      const brace = seek(tokens, at + 1, end, '{');
      const close = tokens[brace]?.pair ?? end;
      checkJumps(declaration, brace + 1, close, true);
      at = close;
    } else if (text === 'continue' || (text === 'break' && !inSwitch)) {
      const remedy = `Guard the rest with an if, or drop '// unroll'`;
      throw shaderError(path, line, `'${text}' leaves an unrolled loop. ${remedy}.`);
    }
  }
}

/**
 * Whether the statements of the block that opens at `open` declare a name outside of the blocks among them, and so need
 * one where they are put in another place. Blocks that a `// splice` drops are none.
 */
export function declaresNames(tokens: readonly Token[], open: number): boolean {
  const end = (tokens[open] as Token).pair;
  let isSpliced = false;
  for (let at = open + 1; at < end; at++) {
    const { text, kind, marker, pair } = tokens[at] as Token;
    if (kind === 'word') {
      if (text === 'let' || text === 'const' || text === 'var') return true;
      isSpliced ||= marker === 'splice';
    } else if (text === '{') {
      if (isSpliced && declaresNames(tokens, at)) return true;
      at = pair;
      isSpliced &&= tokens[at + 1]?.text === 'else';
    } else if (text === '(') {
      at = pair;
    }
  }
  return false;
}
