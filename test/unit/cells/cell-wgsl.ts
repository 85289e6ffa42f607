import type { Cell } from '../../../src/cells/cell.ts';
import { collectFiles } from '../../../src/kernels/assemble.ts';
import { cellParts, parts } from '../../../src/kernels/generated/parts.ts';
import { ShaderModule } from '../../../src/kernels/module.ts';

/** The cell's WGSL and what it joins. */
function filesOf(cell: Cell) {
  const kernel = cellParts[cell.shader] as (typeof cellParts)[string];
  return collectFiles({ kernel, parts });
}

/** All text of the cell and of its parts. */
export function sourceOf(cell: Cell): string {
  return filesOf(cell)
    .map(({ path }) => path.replace(/^shaders\/|\.wgsl$/g, ''))
    .map((name) => (name.startsWith('cells/') ? cellParts[cell.shader] : parts[name])?.source)
    .join('\n');
}

function moduleOf(cell: Cell): ShaderModule {
  return new ShaderModule(filesOf(cell), cell.constants);
}

/** Constants of the cell's WGSL by name, with the cell's own values of those that are specialised. */
export function readConstants(cell: Cell): {
  scalar(name: string): number | undefined;
  list(name: string): number[] | undefined;
} {
  const module = moduleOf(cell);
  return {
    scalar(name) {
      const constant = module.valueOf(name);
      return constant && constant.type !== 'array' ? constant.value : undefined;
    },
    list(name) {
      const constant = module.valueOf(name);
      return constant?.type === 'array'
        ? constant.items.map((item) => (item.type === 'array' ? Number.NaN : item.value))
        : undefined;
    },
  };
}
