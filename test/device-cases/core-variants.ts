import type { Cell, CellDefinition, CellOptions } from '../../src/cells/cell.ts';
import { cells } from '../../src/cells/registry.ts';
import { isScanCell, type ScanCell } from '../../src/cells/scan-cell.ts';

/** A registered cell with one choice of its options. */
export interface CellVariant<C extends Cell | ScanCell = Cell> {
  /** For test names, e.g. `gru reset=before update=keep`. */
  readonly name: string;
  readonly kind: string;
  readonly options: CellOptions;
  readonly cell: C;
}

/** Numbers around zero for states, those of states that are never negative made positive. */
export function liftStates<T extends Float32Array | Float64Array>(
  { states, positiveStates = [] }: Pick<Cell, 'states' | 'positiveStates'>,
  values: T,
): T {
  const size = values.length / states.length;
  for (const name of positiveStates) {
    const begin = states.indexOf(name) * size;
    for (let at = begin; at < begin + size; at++) values[at] = 0.5 + Math.abs(values[at] as number);
  }
  return values;
}

function build<C extends Cell | ScanCell>(
  definition: CellDefinition<C>,
  options: CellOptions,
): CellVariant<C> {
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
export function variantsOf<C extends Cell | ScanCell>(
  definition: CellDefinition<C>,
): CellVariant<C>[] {
  return definition.variants.map((options) => build(definition, options));
}

type AnyVariant = CellVariant<Cell | ScanCell>;

const definitions: readonly CellDefinition<Cell | ScanCell>[] = Object.values(cells);
const kinds = definitions.flatMap((definition) => variantsOf(definition));
const further = definitions.flatMap((definition) =>
  definition.options.map((options) => build(definition, options)),
);

const walks = (variant: AnyVariant): variant is CellVariant => !isScanCell(variant.cell);
const scans = (variant: AnyVariant): variant is CellVariant<ScanCell> => isScanCell(variant.cell);

/** Every registered cell with a loop over time, in each of its kinds. */
export const cellVariants: readonly CellVariant[] = kinds.filter(walks);

/** Every registered cell with a loop over time, with its further options. */
export const cellOptionVariants: readonly CellVariant[] = further.filter(walks);

/** Every registered cell whose steps are a scan, with all its options. */
export const scanVariants: readonly CellVariant<ScanCell>[] = [...kinds, ...further].filter(scans);

/** The first variant of every shader; the others differ from it in a constant only. */
export const shaderVariants: readonly CellVariant[] = cellVariants.filter(
  ({ cell }, index) =>
    cellVariants.findIndex((other) => other.cell.shader === cell.shader) === index,
);

/** Those whose pipelines are built quickly: normalised cells have three or four phases. */
export const quickVariants: readonly CellVariant[] = shaderVariants.filter(
  ({ cell }) => !cell.norms,
);

/** What a case of a variant declares: `npm test` runs one variant of every shader that is built quickly. */
export function fullUnlessQuick(variant: CellVariant): { readonly full?: true } {
  return quickVariants.includes(variant) ? {} : { full: true };
}
