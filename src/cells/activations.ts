import { OptionError } from '../errors.ts';

/** Logistic function 1 / (1 + e^-x), without overflow. */
export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

interface ActivationDefinition {
  /** α and β unless given, as ONNX has them; absent where the activation has none. */
  readonly alpha?: number;
  readonly beta?: number;
  value(x: number, alpha: number, beta: number): number;
  /** The derivative where the value is y. */
  slope(y: number, alpha: number, beta: number): number;
}

/**
 * Activations that a cell may use, named as in ONNX, in the order of the numbers in
 * `shaders/lib/activation-choice.wgsl`. A derivative is a function of the value, so that cells need to keep nothing else.
 */
const definitions = {
  tanh: { value: Math.tanh, slope: (y) => 1 - y * y },
  sigmoid: { value: sigmoid, slope: (y) => y * (1 - y) },
  relu: { value: (x) => Math.max(x, 0), slope: (y) => (y > 0 ? 1 : 0) },
  hardsigmoid: {
    alpha: 0.2,
    beta: 0.5,
    value: (x, alpha, beta) => Math.min(1, Math.max(0, alpha * x + beta)),
    slope: (y, alpha) => (y > 0 && y < 1 ? alpha : 0),
  },
  affine: {
    alpha: 1,
    beta: 0,
    value: (x, alpha, beta) => alpha * x + beta,
    slope: (_y, alpha) => alpha,
  },
  leakyrelu: {
    alpha: 0.01,
    value: (x, alpha) => (x >= 0 ? x : alpha * x),
    slope: (y, alpha) => (y >= 0 ? 1 : alpha),
  },
  thresholdedrelu: {
    alpha: 1,
    value: (x, alpha) => (x >= alpha ? x : 0),
    slope: (y) => (y !== 0 ? 1 : 0),
  },
  elu: {
    alpha: 1,
    value: (x, alpha) => (x >= 0 ? x : alpha * Math.expm1(x)),
    slope: (y, alpha) => (y >= 0 ? 1 : y + alpha),
  },
  softsign: { value: (x) => x / (1 + Math.abs(x)), slope: (y) => (1 - Math.abs(y)) ** 2 },
  softplus: {
    value: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
    slope: (y) => -Math.expm1(-y),
  },
  scaledtanh: {
    alpha: 1,
    beta: 1,
    value: (x, alpha, beta) => alpha * Math.tanh(beta * x),
    slope: (y, alpha, beta) => beta * (alpha - (y * y) / alpha),
  },
} as const satisfies Readonly<Record<ActivationName, ActivationDefinition>>;

/** Name of an activation, as in ONNX without capitals. */
export type ActivationName =
  | 'tanh'
  | 'sigmoid'
  | 'relu'
  | 'hardsigmoid'
  | 'affine'
  | 'leakyrelu'
  | 'thresholdedrelu'
  | 'elu'
  | 'softsign'
  | 'softplus'
  | 'scaledtanh';

/** Every activation that a cell may use. */
export const activationNames = Object.keys(definitions) as ActivationName[];

/** An activation by name, or with its α and β where ONNX's defaults do not fit. */
export type ActivationChoice =
  | ActivationName
  | { readonly name: ActivationName; readonly alpha?: number; readonly beta?: number };

/** An activation ready to use, and how the WGSL side is told. */
export interface Activation {
  readonly name: ActivationName;
  /** Its number in `shaders/lib/activation-choice.wgsl`. */
  readonly kind: number;
  readonly alpha: number;
  readonly beta: number;
  value(x: number): number;
  /** The derivative where the value is y. */
  slope(y: number): number;
}

/** Activations whose value does not tell the side it is from where α is negative. */
const risingOnly: ReadonlySet<ActivationName> = new Set(['leakyrelu', 'elu']);

/**
 * Looks an activation up.
 *
 * @param where - The cell and option, for errors.
 * @throws {OptionError} for a name that is unknown, and for α or β that do not fit.
 */
export function readActivation(where: string, choice: unknown): Activation {
  const given = typeof choice === 'object' && choice !== null ? choice : { name: choice };
  const { name, alpha, beta, ...rest } = given as Record<string, unknown>;
  const known = activationNames.find((candidate) => candidate === name);
  if (!known) {
    throw new OptionError(
      `${where}: activation ${JSON.stringify(name)} is unknown, expected one of ${activationNames.join(', ')}.`,
    );
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) {
    throw new OptionError(`${where}: '${unknown}' is unknown, expected name, alpha or beta.`);
  }
  const definition: ActivationDefinition = definitions[known];
  const [a, b] = [
    readFactor(where, known, 'alpha', alpha, definition.alpha),
    readFactor(where, known, 'beta', beta, definition.beta),
  ];
  if (risingOnly.has(known) && a < 0) {
    throw new OptionError(
      `${where}: alpha of ${known} is ${a}, expected 0 or more: the gradient is taken from the value, which must ` +
        'rise with the input.',
    );
  }
  if (known === 'scaledtanh' && a === 0) {
    throw new OptionError(`${where}: alpha of scaledtanh is 0, expected another number.`);
  }
  return {
    name: known,
    kind: activationNames.indexOf(known),
    alpha: a,
    beta: b,
    value: (x) => definition.value(x, a, b),
    slope: (y) => definition.slope(y, a, b),
  };
}

function readFactor(
  where: string,
  activation: ActivationName,
  factor: 'alpha' | 'beta',
  given: unknown,
  standard: number | undefined,
): number {
  if (given === undefined) return standard ?? (factor === 'alpha' ? 1 : 0);
  if (standard === undefined) {
    throw new OptionError(`${where}: ${activation} has no ${factor}. Leave it out.`);
  }
  if (typeof given === 'number' && Number.isFinite(given)) return given;
  throw new OptionError(
    `${where}: ${factor} of ${activation} is ${JSON.stringify(given)}, expected a finite number.`,
  );
}
