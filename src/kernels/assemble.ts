import { expandDeclaration } from './expand.ts';
import { type Declaration, ShaderModule } from './module.ts';
import { type ShaderFile, shaderError, tokenize } from './tokens.ts';

/** A file of the shader folder: its name there without `.wgsl`, e.g. `kernels/matmul`, and its text. */
export interface ShaderSource {
  readonly name: string;
  readonly source: string;
}

/** Names that stand for the cell of a launch in `//! join`, with the folders of the cells that they stand for. */
export const cellFolders: {
  readonly cell: 'cells';
  readonly 'scan-cell': 'scan-cells';
} = { cell: 'cells', 'scan-cell': 'scan-cells' };

/** A kernel, what it may join, and the values of its constants. */
export interface Assembly {
  readonly kernel: ShaderSource;
  /** The part that `//! join cell` or `//! join scan-cell` stands for. */
  readonly cell?: ShaderSource | undefined;
  /** Parts by name, e.g. `lib/activations`. */
  readonly parts: Readonly<Record<string, ShaderSource>>;
  /** Values of every specialised constant; `undefined` takes the defaults of the text. */
  readonly constants: Readonly<Record<string, number | boolean>> | undefined;
}

/** The kernel and its parts as tokens, each part once and before what joins it; the kernel is last. */
export function collectFiles(assembly: Omit<Assembly, 'constants'>): ShaderFile[] {
  const { kernel, cell, parts } = assembly;
  const files: ShaderFile[] = [];
  const seen = new Set<string>();
  let cellIsJoined = false;
  const visit = ({ name, source }: ShaderSource, isKernel: boolean): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = tokenize(`shaders/${name}.wgsl`, source);
    for (const join of file.joins) {
      if (Object.hasOwn(cellFolders, join.name)) {
        if (!isKernel) {
          throw shaderError(
            file.path,
            join.line,
            `'//! join ${join.name}' is for kernels only. Remove it.`,
          );
        }
        if (cell === undefined) {
          const message = 'kernel joins a cell, got none';
          throw shaderError(file.path, join.line, `${message}. Pass the cell of the launch.`);
        }
        cellIsJoined = true;
        visit(cell, false);
        continue;
      }
      const part = parts[join.name];
      if (part === undefined) {
        const known = Object.keys(parts).sort().join(', ') || 'none';
        const message = `part '${join.name}' does not exist, expected one of ${known}`;
        throw shaderError(file.path, join.line, `${message}.`);
      }
      visit(part, false);
    }
    files.push(file);
  };
  visit(kernel, true);
  if (cell !== undefined && !cellIsJoined) {
    const remedy = `Launch it without a cell, or add '//! join cell'`;
    const path = `shaders/${kernel.name}.wgsl`;
    throw shaderError(path, 1, `kernel joins no cell, got '${cell.name}'. ${remedy}.`);
  }
  return files;
}

/** The compute entry point of a kernel. @throws {ShaderError} where there is not exactly one. */
export function findEntry(module: ShaderModule, kernelPath: string): Declaration {
  const entries = module.declarations.filter(isEntry);
  const entry = entries[0];
  if (entry === undefined || entries.length !== 1 || entry.file.path !== kernelPath) {
    const got = entries.map(({ name, file }) => `${name} in ${file.path}`).join(', ') || 'none';
    const message = `kernel has entry points: ${got}, expected one @compute function in this file`;
    throw shaderError(kernelPath, 1, `${message}.`);
  }
  return entry;
}

function isEntry({ file, start, keyword }: Declaration): boolean {
  for (let at = start; at < keyword; at++) if (file.tokens[at]?.text === 'compute') return true;
  return false;
}

/** Whether a declaration belongs to the module although nothing names it. */
function isAlwaysKept({ file, kind, start, keyword }: Declaration): boolean {
  if (kind === 'const_assert') return true;
  return kind === 'var' && start < keyword && file.tokens[start]?.text === '@';
}

/**
 * One WGSL module from a kernel, its parts and its constants: joined, specialised and expanded.
 * Declarations that the entry point does not reach are left out; bindings stay.
 *
 * @throws {ShaderError} naming file and line.
 */
export function assembleShader(assembly: Assembly): { code: string; module: ShaderModule } {
  const files = collectFiles(assembly);
  const module = new ShaderModule(files, assembly.constants);
  const entry = findEntry(module, (files[files.length - 1] as ShaderFile).path);
  const texts = new Map<Declaration, string>();
  const directives = new Set<string>();
  const waiting = [entry, ...module.declarations.filter(isAlwaysKept)];
  for (let declaration = waiting.pop(); declaration; declaration = waiting.pop()) {
    if (texts.has(declaration)) continue;
    const { text, uses, directives: own } = expandDeclaration(module, declaration);
    for (const directive of own) directives.add(directive);
    texts.set(declaration, text);
    for (const name of uses) waiting.push(module.find(name) as Declaration);
  }
  const kept = module.declarations.filter((declaration) => texts.has(declaration));
  const body = kept.map((item) => texts.get(item)?.trim());
  // A part's directives come with it only where something of the part is used.
  const usedFiles = new Set(kept.map(({ file }) => file));
  for (const item of module.declarations) {
    if (item.kind !== 'directive' || !usedFiles.has(item.file)) continue;
    directives.add(expandDeclaration(module, item).text.trim());
  }
  return { code: `${[...directives, ...body].join('\n')}\n`, module };
}
