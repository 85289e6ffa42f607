import type { Cell, CellDefinition, CellOptions } from '../../src/cells/cell.ts';
import { cells } from '../../src/cells/registry.ts';

/** A registered cell with one choice of its options. */
export interface CellVariant {
  /** For test names, e.g. `gru reset=before update=keep`. */
  readonly name: string;
  readonly kind: string;
  readonly options: CellOptions;
  readonly cell: Cell;
}

function build(definition: CellDefinition, options: CellOptions): CellVariant {
  const words = Object.entries(options).map(([name, value]) => {
    return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  return {
    name: [definition.name, ...words].join(' '),
    kind: definition.name,
    options,
    cell: definition.create(options),
  };
}

/** A cell's own kinds: what every test of cells runs through. */
export function variantsOf(definition: CellDefinition): CellVariant[] {
  return definition.variants.map((options) => build(definition, options));
}

/** Every registered cell in each of its kinds. */
export const cellVariants: readonly CellVariant[] = Object.values(cells).flatMap(variantsOf);

/** Every registered cell with its further options. */
export const cellOptionVariants: readonly CellVariant[] = Object.values(cells).flatMap(
  (definition) => definition.options.map((options) => build(definition, options)),
);

/** The first variant of every shader; the others differ from it in a constant only. */
export const shaderVariants: readonly CellVariant[] = cellVariants.filter(
  ({ cell }, index) =>
    cellVariants.findIndex((other) => other.cell.shader === cell.shader) === index,
);

/** What a case of a variant declares: `npm test` runs one variant of every shader. */
export function fullUnlessFirst(variant: CellVariant): { readonly full?: true } {
  return shaderVariants.includes(variant) ? {} : { full: true };
}
