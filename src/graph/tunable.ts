/**
 * A choice of a kernel's shape that need not be left to a rule: it can be measured once on an adapter, and
 * looked up from then on. Plain data and pure functions; `src/tuning` measures.
 */
export interface Tunable<S extends object = object> {
  /** Kernel and sizes in words: equal keys are equal work. */
  readonly key: string;
  /** The kernel that {@link subject} belongs to. */
  readonly kernel: string;
  /** The sizes that a measurement is built from. */
  readonly subject: object;
  /** Floating-point operations of one such launch: the most expensive ones are measured first. */
  readonly flops: number;
  /** What the rule chooses. */
  readonly builtIn: S;
  /** Why a shape cannot run on this adapter; undefined if it can. */
  refuse(shape: S): string | undefined;
  /** Forms of another kind than the built-in shape, likeliest first. */
  seeds(): readonly S[];
  /** What differs from a shape by one step along one axis, likeliest first. */
  neighbours(shape: S): readonly S[];
}

/** A shape that does not come from the rule, and where it comes from. */
export interface SettledShape<S extends object> {
  readonly shape: S;
  readonly reason: string;
}

/** Settles choices of shape; undefined leaves one to the rule. */
export type ShapeSource = <S extends object>(tunable: Tunable<S>) => SettledShape<S> | undefined;

/** A shape in words, e.g. `rows 8, columns 4, spreads true`. */
export function describeAxes(shape: object): string {
  return Object.entries(shape)
    .map(([axis, value]) => `${axis} ${value}`)
    .join(', ');
}

/** The same shape with its axes in the order of another one, so that equal shapes read the same. */
export function orderAxes<S extends object>(shape: S, like: S): S {
  return Object.fromEntries(Object.keys(like).map((axis) => [axis, shape[axis as keyof S]])) as S;
}

/** The axes in which a shape differs from another, e.g. `rows 8 → 16`. */
export function describeChanges(from: object, to: object): string {
  return Object.entries(to)
    .flatMap(([axis, value]) => {
      const before = (from as Readonly<Record<string, unknown>>)[axis];
      return before === value ? [] : [`${axis} ${before} → ${value}`];
    })
    .join(', ');
}
