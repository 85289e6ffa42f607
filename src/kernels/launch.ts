import { OptionError } from '../errors.ts';
import type { Launch, LaunchCost } from '../schedule/plan.ts';
import type { ConstantType, ConstantValue, KernelDescription } from './description.ts';
import { cellParts } from './generated/parts.ts';
import { checkConstant } from './specialize.ts';

/** A launch whose bindings are views of a kind that the scheduler chooses. */
export interface TypedLaunch<V> extends Omit<Launch, 'bindings'> {
  readonly bindings: Readonly<Record<string, V>>;
  /** The best first, taken where that saves a pipeline. */
  readonly accepts?: readonly LaunchAlternative<CellConstants, V>[];
}

/** Constants with which a kernel gives the same, with a little more work, with another grid or with launches behind it. */
export interface LaunchAlternative<C, V = unknown> {
  readonly constants: C;
  /** The launch's own unless given. */
  readonly workgroups?: readonly [number, number, number];
  /** Makes them: they compute what it leaves out then. */
  readonly followers?: () => readonly TypedLaunch<V>[];
}

/** A value for every specialised constant of a kernel and its libraries. */
export type KernelConstants<K extends KernelDescription> = {
  readonly [N in keyof K['constants']]: ConstantValue<K['constants'][N]>;
};

/** A view for every binding of a kernel. */
export type KernelBindings<K extends KernelDescription, V> = {
  readonly [N in keyof K['bindings']]: V;
};

/** Values of the constants that a cell brings, checked when the launch is made. */
export type CellConstants = Readonly<Record<string, number | boolean>>;

/** The cell of a launch: required for kernels that join one, refused for the others. */
export type CellChoice<K extends KernelDescription> = K['cell'] extends string
  ? { readonly cell: string; readonly cellConstants?: CellConstants }
  : { readonly cell?: never; readonly cellConstants?: never };

/** What a launch needs to say, typed by its kernel. */
export type LaunchRequest<K extends KernelDescription, V> = CellChoice<K> & {
  /** Path of the launch, e.g. `lstm/recurrence-forward`. */
  readonly label: string;
  readonly constants: KernelConstants<K>;
  readonly bindings: KernelBindings<K, V>;
  readonly workgroups: readonly [number, number, number];
  readonly cost: LaunchCost;
  readonly accepts?: readonly LaunchAlternative<Partial<KernelConstants<K>>>[];
};

/** Bindings as given, where every name is one of the kernel. */
type OnlyBindings<K extends KernelDescription, B> = B & {
  readonly [N in Exclude<keyof B, keyof K['bindings']>]: never;
};

/**
 * A launch of a kernel, checked against its description: the names of constants and bindings by the
 * compiler, and once more here together with the values, as the constants of a cell are known only
 * now.
 *
 * @throws {OptionError} naming the launch and the constant, binding, cell or size that does not fit.
 */
export function defineLaunch<
  const K extends KernelDescription,
  B extends KernelBindings<K, unknown>,
>(
  kernel: K,
  request: LaunchRequest<K, unknown> & { readonly bindings: OnlyBindings<K, B> },
): TypedLaunch<B[keyof B]> {
  const { label, workgroups, cost, cell, accepts } = request;
  const constants: CellConstants = { ...request.constants, ...request.cellConstants };
  const bindings: Readonly<Record<string, B[keyof B]>> = { ...request.bindings };
  const where = `${label} (kernel ${kernel.name})`;
  checkConstants(
    where,
    { ...kernel.constants, ...constantsOfCell(where, kernel, cell) },
    constants,
  );
  checkNames(where, 'binding', Object.keys(kernel.bindings), bindings);
  if (workgroups.some((count) => !Number.isSafeInteger(count) || count < 1)) {
    const got = workgroups.join(', ');
    throw new OptionError(`${where}: workgroups are [${got}], expected positive integers.`);
  }
  const common = {
    ...{ label, kernel: kernel.name, constants, bindings, workgroups, cost },
    ...(accepts && { accepts: accepts as readonly LaunchAlternative<CellConstants, B[keyof B]>[] }),
  };
  return cell === undefined ? common : { ...common, cell };
}

/** The launch with other places for its bindings. Between its alternatives has been chosen by then. */
export function mapBindings<V, W>(
  { accepts: _settled, ...launch }: TypedLaunch<V>,
  map: (view: V) => W,
): TypedLaunch<W> {
  const entries = Object.entries(launch.bindings).map(([name, view]) => [name, map(view)] as const);
  return { ...launch, bindings: Object.fromEntries(entries) };
}

function constantsOfCell(
  where: string,
  kernel: KernelDescription,
  cell: string | undefined,
): { readonly [name: string]: ConstantType } {
  const fitting = Object.entries(cellParts)
    .filter(([, { name }]) => name.startsWith(`${kernel.cell}/`))
    .map(([name]) => name);
  const known = fitting.join(', ') || 'none';
  if ((kernel.cell !== false) !== (cell !== undefined)) {
    const [got, expected] = kernel.cell
      ? ['no cell', `one of ${known}`]
      : [`cell '${cell}'`, 'none, as the kernel joins none'];
    throw new OptionError(`${where}: got ${got}, expected ${expected}.`);
  }
  if (cell === undefined) return {};
  const part = cellParts[cell];
  if (part && fitting.includes(cell)) return part.constants;
  const problem = part ? `is a ${part.name}` : 'has no WGSL';
  throw new OptionError(`${where}: cell '${cell}' ${problem}, expected one of ${known}.`);
}

function checkConstants(
  where: string,
  declared: { readonly [name: string]: ConstantType },
  given: CellConstants,
): void {
  for (const [name, type] of Object.entries(declared)) {
    const problem = checkConstant(name, type, given[name]);
    if (problem !== undefined) throw new OptionError(`${where}: ${problem}`);
  }
  checkNames(where, 'constant', Object.keys(declared), given);
}

function checkNames(
  where: string,
  what: string,
  expected: readonly string[],
  given: Readonly<Record<string, unknown>>,
): void {
  for (const name of expected) {
    if (given[name] !== undefined) continue;
    throw new OptionError(
      `${where}: ${what} '${name}' is missing, expected ${expected.join(', ')}.`,
    );
  }
  for (const name of Object.keys(given)) {
    if (expected.includes(name)) continue;
    const names = expected.join(', ') || 'none';
    throw new OptionError(`${where}: ${what} '${name}' is unknown, expected ${names}.`);
  }
}
