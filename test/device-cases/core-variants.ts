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

/** The words that an option takes, read from the error for a word it does not take. */
export function choicesOf(definition: CellDefinition, option: string): string[] {
  try {
    definition.create({ [option]: '?' });
  } catch (error) {
    const [, list = ''] = String((error as Error).message).split('expected one of ');
    const choices = [...list.matchAll(/'([^']+)'/g)].map(([, word]) => word as string);
    if (choices.length > 0) return choices;
  }
  throw new Error(
    `${definition.name}: option '${option}' refuses '?' without naming its choices. Extend choicesOf().`,
  );
}

/** Every combination of a cell's options. */
export function variantsOf(definition: CellDefinition): CellVariant[] {
  let combinations: CellOptions[] = [{}];
  for (const option of definition.optionNames) {
    const choices = choicesOf(definition, option);
    combinations = combinations.flatMap((options) =>
      choices.map((choice) => ({ ...options, [option]: choice })),
    );
  }
  return combinations.map((options) => ({
    name: [definition.name, ...Object.entries(options).map((pair) => pair.join('='))].join(' '),
    kind: definition.name,
    options,
    cell: definition.create(options),
  }));
}

/** Every registered cell with every combination of its options. */
export const cellVariants: readonly CellVariant[] = Object.values(cells).flatMap(variantsOf);

/** The first variant of every shader; the others differ from it in a constant only. */
export const shaderVariants: readonly CellVariant[] = cellVariants.filter(
  ({ cell }, index) =>
    cellVariants.findIndex((other) => other.cell.shader === cell.shader) === index,
);

/** What a case of a variant declares: `npm test` runs one variant of every shader. */
export function fullUnlessFirst(variant: CellVariant): { readonly full?: true } {
  return shaderVariants.includes(variant) ? {} : { full: true };
}
