import { ShaderError } from '../../src/errors.ts';
import { assembleShader, type ShaderSource } from '../../src/kernels/assemble.ts';
import { readDeclarations } from '../../src/kernels/module.ts';
import { type Token, tokenize } from '../../src/kernels/tokens.ts';

/**
 * Proves that every cell declares what a kernel asks of it. What a kernel may ask is what any cell
 * declares; a name counts as asked for when the joined text uses it without declaring it.
 *
 * @throws {ShaderError} naming kernel, cell and name.
 */
export function checkCellContract(
  kernel: ShaderSource,
  cells: readonly ShaderSource[],
  parts: Readonly<Record<string, ShaderSource>>,
): void {
  const owners = new Map<string, string>();
  for (const cell of cells) {
    for (const { name } of readDeclarations(tokenize(`shaders/${cell.name}.wgsl`, cell.source))) {
      if (name !== '' && !owners.has(name)) owners.set(name, cell.name);
    }
  }
  for (const cell of cells) {
    const { code } = assembleShader({ kernel, cell, parts, constants: undefined });
    const { tokens } = tokenize('joined', code);
    const declared = declaredNames(tokens);
    for (let at = 0; at < tokens.length; at++) {
      const { text } = tokens[at] as Token;
      if (!owners.has(text) || declared.has(text) || tokens[at - 1]?.text === '.') continue;
      const message = `uses '${text}', which ${owners.get(text)} declares and ${cell.name} lacks`;
      throw new ShaderError(`shaders/${kernel.name}.wgsl: kernel ${message}. Add it there.`);
    }
  }
}

/** Names that a module declares anywhere: behind a keyword, or as a parameter or field. */
function declaredNames(tokens: readonly Token[]): Set<string> {
  const keywords = new Set(['fn', 'struct', 'let', 'const', 'var', 'alias', 'override']);
  const names = new Set<string>();
  for (let at = 0; at < tokens.length; at++) {
    const { text } = tokens[at] as Token;
    if (keywords.has(text)) {
      const skip = tokens[at + 1]?.text === '<' ? closing(tokens, at + 1) : at;
      names.add(tokens[skip + 1]?.text ?? '');
    } else if (tokens[at + 1]?.text === ':') {
      names.add(text);
    }
  }
  return names;
}

function closing(tokens: readonly Token[], at: number): number {
  let end = at;
  while (end < tokens.length && tokens[end]?.text !== '>') end++;
  return end;
}
