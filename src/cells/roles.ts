import { OptionError } from '../errors.ts';
import { type Activation, readActivation } from './activations.ts';

/** Where a cell applies an activation. */
type RoleName = 'gate' | 'candidate' | 'output';

/** The activations of a cell and the bound on what goes into them. */
export interface Roles {
  readonly gate: Activation;
  readonly candidate: Activation;
  readonly output: Activation;
  /** Whether there is a bound. */
  readonly clips: boolean;
  /** The input of an activation, within the bound. */
  clipped(x: number): number;
  /** `bit` where x is outside the bound, else 0: the gradient ends there. */
  clipMark(x: number, bit: number): number;
  /** The gradient, or 0 where `marks` have the bit. */
  unlessClipped(gradient: number, marks: number | undefined, bit: number): number;
  /** Values of the constants of `shaders/lib/activation-choice.wgsl`. */
  readonly constants: Readonly<Record<string, number | boolean>>;
}

/** Names of the options that {@link readRoles} reads. */
export const roleOptions = ['activations', 'clip'] as const;

const standard = { gate: 'sigmoid', candidate: 'tanh', output: 'tanh' } as const;

/**
 * Reads the options `activations` and `clip` of a cell.
 *
 * @param roles - What each entry of `activations` is for, in the cell's order.
 * @throws {OptionError} naming the cell, the option, what was got and what is possible.
 */
export function readRoles(
  cell: string,
  options: { readonly activations?: unknown; readonly clip?: unknown },
  roles: readonly RoleName[],
): Roles {
  const given = options.activations ?? roles.map((role) => standard[role]);
  if (!Array.isArray(given) || given.length !== roles.length) {
    throw new OptionError(
      `${cell}: activations is ${JSON.stringify(given)}, expected a list of ${roles.length}: ${roles.join(', ')}.`,
    );
  }
  const chosen = (role: RoleName) => {
    const index = roles.indexOf(role);
    return readActivation(
      `${cell}: activations`,
      index < 0 ? standard[role] : (given[index] as unknown),
    );
  };
  const [gate, candidate, output] = [chosen('gate'), chosen('candidate'), chosen('output')];
  const bound = readClip(cell, options.clip);
  const clips = bound !== undefined;
  const limit = bound ?? Number.POSITIVE_INFINITY;
  return {
    gate,
    candidate,
    output,
    clips,
    clipped: (x) => Math.min(limit, Math.max(-limit, x)),
    clipMark: (x, bit) => (Math.abs(x) > limit ? bit : 0),
    unlessClipped: (gradient, marks, bit) =>
      clips && ((marks as number) & bit) !== 0 ? 0 : gradient,
    constants: {
      ...constantsOf('gate', gate),
      ...constantsOf('candidate', candidate),
      ...constantsOf('output', output),
      clips,
      clip_bound: bound ?? 1,
    },
  };
}

function constantsOf(role: RoleName, { kind, alpha, beta }: Activation) {
  return { [`${role}_activation`]: kind, [`${role}_alpha`]: alpha, [`${role}_beta`]: beta };
}

function readClip(cell: string, clip: unknown): number | undefined {
  if (clip === undefined || clip === null) return undefined;
  if (typeof clip === 'number' && Number.isFinite(clip) && clip > 0) return clip;
  throw new OptionError(
    `${cell}: clip is ${JSON.stringify(clip)}, expected a positive number: the bound on the input of every gate.`,
  );
}
