/**
 * Turns every shader into a typed TypeScript module, so that renaming a binding in WGSL is a type
 * error where it is used. Every kernel is joined, with every cell where it takes one, expanded and
 * reflected on the way, which proves that the parts fit.
 *
 * npm run generate           writes src/kernels/generated
 * npm run generate:check     exits 1 with a list of the files that are missing, stale or left over
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ShaderError } from '../src/errors.ts';
import {
  assembleShader,
  cellFolders,
  collectFiles,
  findEntry,
  type ShaderSource,
} from '../src/kernels/assemble.ts';
import type { ConstantType, KernelDescription } from '../src/kernels/description.ts';
import { readDeclarations, ShaderModule } from '../src/kernels/module.ts';
import { tokenize } from '../src/kernels/tokens.ts';
import { checkCellContract } from './kernels/cell-contract.ts';
import { camelCase, indexModule, kernelModule, partsModule } from './kernels/emit.ts';
import { reflectBindings } from './kernels/reflect.ts';

/** Text of every generated file by name. */
type GeneratedFiles = Record<string, string>;

/**
 * Generates the modules of `src/kernels/generated`.
 *
 * @param shaders - WGSL by path below the shader folder, e.g. `kernels/matmul.wgsl`.
 * @returns Text by file name, e.g. `matmul.ts`. Equal shaders give equal text.
 * @throws {ShaderError} for shaders that break the dialect, or parts that do not fit together.
 */
export function generateKernels(shaders: Readonly<Record<string, string>>): GeneratedFiles {
  const libraries = folder(shaders, 'lib');
  const cells = Object.values(cellFolders).flatMap((path) => folder(shaders, path));
  refuseEqualNames(cells);
  const parts = byName(libraries);
  const describePart = (part: ShaderSource) => {
    const files = collectFiles({ kernel: part, parts });
    return { ...part, constants: new ShaderModule(files, undefined).constants };
  };
  const generated: GeneratedFiles = {
    'parts.ts': partsModule(libraries.map(describePart), cells.map(describePart)),
  };
  const names: string[] = [];
  const exported = new Set<string>();
  for (const kernel of folder(shaders, 'kernels')) {
    const description = describeKernel(kernel, parts, shaders);
    const { name } = description;
    if (name === 'parts' || name === 'index' || exported.has(camelCase(name))) {
      throw new ShaderError(`shaders/${kernel.name}.wgsl: kernel name is taken. Rename the file.`);
    }
    exported.add(camelCase(name));
    names.push(name);
    generated[`${name}.ts`] = kernelModule(description);
  }
  generated['index.ts'] = indexModule(names);
  return generated;
}

function folder(shaders: Readonly<Record<string, string>>, name: string): ShaderSource[] {
  return Object.entries(shaders)
    .filter(([path]) => path.startsWith(`${name}/`) && path.endsWith('.wgsl'))
    .map(([path, source]) => ({ name: path.slice(0, -'.wgsl'.length), source }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Cells are known by name alone, whatever their folder. */
function refuseEqualNames(cells: readonly ShaderSource[]): void {
  const taken = new Map<string, string>();
  for (const { name } of cells) {
    const own = name.slice(name.indexOf('/') + 1);
    const other = taken.get(own);
    if (other !== undefined) {
      throw new ShaderError(
        `shaders/${name}.wgsl: ${other} has this name, too. Rename one of them.`,
      );
    }
    taken.set(own, name);
  }
}

function byName(sources: readonly ShaderSource[]): Record<string, ShaderSource> {
  return Object.fromEntries(sources.map((source) => [source.name, source]));
}

function describeKernel(
  kernel: ShaderSource,
  parts: Readonly<Record<string, ShaderSource>>,
  shaders: Readonly<Record<string, string>>,
): KernelDescription {
  const path = `shaders/${kernel.name}.wgsl`;
  const [, cellFolder] =
    Object.entries(cellFolders).find(([name]) =>
      new RegExp(`^//!\\s*join\\s+${name}\\s*$`, 'm').test(kernel.source),
    ) ?? [];
  const takesCell = cellFolder !== undefined;
  const cells = takesCell ? folder(shaders, cellFolder) : [];
  if (takesCell && cells.length === 0) {
    throw new ShaderError(`${path}: kernel joins a cell, but shaders/${cellFolder} has none.`);
  }
  const noCell = takesCell ? { name: 'cells/none', source: '' } : undefined;
  const files = collectFiles({ kernel, cell: noCell, parts });
  const constants: Record<string, ConstantType> = new ShaderModule(files, undefined).constants;
  let bindings: KernelDescription['bindings'] | undefined;
  for (const cell of takesCell ? cells : [undefined]) {
    const found = reflectAssembly(kernel, cell, parts);
    if (bindings !== undefined && JSON.stringify(bindings) !== JSON.stringify(found)) {
      throw new ShaderError(
        `${path}: bindings with ${cell?.name} differ from those with other cells.`,
      );
    }
    bindings = found;
  }
  if (takesCell) checkCellContract(kernel, cells, parts);
  const module = new ShaderModule(
    collectFiles({ kernel, cell: takesCell ? cells[0] : undefined, parts }),
    undefined,
  );
  return {
    name: kernel.name.slice('kernels/'.length),
    entryPoint: findEntry(module, path).name,
    source: kernel.source,
    joins: files
      .map((file) => file.path.slice('shaders/'.length, -'.wgsl'.length))
      .filter((name) => name.startsWith('lib/')),
    cell: cellFolder ?? false,
    constants,
    bindings: bindings ?? {},
  };
}

/** Bindings of the expanded kernel, which must equal those of its unexpanded text. */
function reflectAssembly(
  kernel: ShaderSource,
  cell: ShaderSource | undefined,
  parts: Readonly<Record<string, ShaderSource>>,
): KernelDescription['bindings'] {
  const { code, module } = assembleShader({ kernel, cell, parts, constants: undefined });
  const where = `shaders/${kernel.name}.wgsl${cell === undefined ? '' : ` with ${cell.name}`}`;
  const expanded = reflectBindings(where, readDeclarations(tokenize(where, code)), module);
  const unexpanded = reflectBindings(where, module.declarations, module);
  if (JSON.stringify(expanded) !== JSON.stringify(unexpanded)) {
    throw new ShaderError(`${where}: bindings change when loops are expanded. Declare them once.`);
  }
  return expanded;
}

function readShaders(root: string): Record<string, string> {
  const shaders: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.wgsl')) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path).replaceAll('\\', '/');
    shaders[name] = readFileSync(path, 'utf8').replaceAll('\r\n', '\n');
  }
  return shaders;
}

function readGenerated(target: string): GeneratedFiles {
  mkdirSync(target, { recursive: true });
  const names = readdirSync(target).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(target, name), 'utf8')]));
}

function main(check: boolean): void {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const target = join(root, 'src/kernels/generated');
  const wanted = generateKernels(readShaders(join(root, 'shaders')));
  const present = readGenerated(target);
  const stale = Object.keys({ ...wanted, ...present })
    .filter((name) => wanted[name] !== present[name])
    .sort();
  if (check) {
    for (const name of stale) {
      const state = wanted[name] === undefined ? 'left over' : present[name] ? 'stale' : 'missing';
      console.error(`${state}: src/kernels/generated/${name}`);
    }
    if (stale.length > 0) {
      console.error(`${stale.length} generated files are not current. Run: npm run generate`);
      process.exitCode = 1;
    }
    return;
  }
  for (const name of stale) {
    const text = wanted[name];
    if (text === undefined) rmSync(join(target, name));
    else writeFileSync(join(target, name), text);
  }
  const total = Object.keys(wanted).length;
  console.log(`${total} generated files, ${stale.length} changed, in src/kernels/generated`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    main(process.argv.includes('--check'));
  } catch (error) {
    if (!(error instanceof ShaderError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
