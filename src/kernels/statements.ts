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

const elements = /^(?:f32|i32|u32|bool|f16|vec[234][fiuh])$/;

/** Reads `var name: array<TYPE, SIZE>; // registers` whose `var` stands at `index`. */
export function readRegisters(
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
