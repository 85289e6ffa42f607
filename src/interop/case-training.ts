import type { CaseFields } from './case-fields.ts';

/** An optimizer of a training trace with PyTorch's defaults filled in. */
export type CaseOptimizer =
  | {
      readonly name: 'SGD';
      readonly learningRate: number;
      readonly momentum: number;
      readonly dampening: number;
      readonly weightDecay: number;
      readonly nesterov: boolean;
    }
  | {
      readonly name: 'Adam' | 'AdamW';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    }
  | {
      readonly name: 'RMSprop';
      readonly learningRate: number;
      readonly alpha: number;
      readonly epsilon: number;
      readonly weightDecay: number;
      readonly momentum: number;
      readonly centered: boolean;
    };

/** What a training trace does, beyond the recurrent layers themselves. */
export interface CaseTraining {
  readonly input: 'embedding' | 'onehot';
  /** Size V of the vocabulary: width of one-hot inputs, and of the logits. */
  readonly vocabularySize: number;
  readonly steps: number;
  /** Batches in `tokens` and `targets`; step k uses batch k mod `batches`. */
  readonly batches: number;
  /** Whether the initial state is the final state of the step before, detached. */
  readonly stateful: boolean;
  /** Bound on the global gradient norm; null where gradients are not clipped. */
  readonly clipGradNorm: number | null;
  readonly optimizer: CaseOptimizer;
  /** Optimizer settings that this reader does not know and that are not off, as `name=value`. */
  readonly unknownOptimizerSettings: readonly string[];
}

const ADAM_SETTINGS = ['lr', 'betas', 'eps', 'weight_decay'];

const OPTIMIZER_SETTINGS = {
  SGD: ['lr', 'momentum', 'dampening', 'weight_decay', 'nesterov'],
  Adam: ADAM_SETTINGS,
  AdamW: ADAM_SETTINGS,
  RMSprop: ['lr', 'alpha', 'eps', 'weight_decay', 'momentum', 'centered'],
} as const;

type OptimizerName = keyof typeof OPTIMIZER_SETTINGS;

const OPTIMIZER_NAMES = Object.keys(OPTIMIZER_SETTINGS) as OptimizerName[];

function readAdam(fields: CaseFields, name: 'Adam' | 'AdamW'): CaseOptimizer {
  const [beta1, beta2] = fields.pair('betas', [0.9, 0.999]);
  return {
    name,
    learningRate: fields.nonNegative('lr', 1e-3),
    beta1,
    beta2,
    epsilon: fields.nonNegative('eps', 1e-8),
    weightDecay: fields.nonNegative('weight_decay', name === 'AdamW' ? 0.01 : 0),
  };
}

function readSgd(fields: CaseFields): CaseOptimizer {
  return {
    name: 'SGD',
    learningRate: fields.nonNegative('lr', 1e-3),
    momentum: fields.nonNegative('momentum', 0),
    dampening: fields.number('dampening', 0),
    weightDecay: fields.nonNegative('weight_decay', 0),
    nesterov: fields.boolean('nesterov', false),
  };
}

function readRmsprop(fields: CaseFields): CaseOptimizer {
  return {
    name: 'RMSprop',
    learningRate: fields.nonNegative('lr', 0.01),
    alpha: fields.nonNegative('alpha', 0.99),
    epsilon: fields.nonNegative('eps', 1e-8),
    weightDecay: fields.nonNegative('weight_decay', 0),
    momentum: fields.nonNegative('momentum', 0),
    centered: fields.boolean('centered', false),
  };
}

function readOptimizer(fields: CaseFields, name: OptimizerName): CaseOptimizer {
  if (name === 'SGD') return readSgd(fields);
  return name === 'RMSprop' ? readRmsprop(fields) : readAdam(fields, name);
}

/** Settings beyond the known ones; off ones (false, null, 0) change nothing and are left out. */
function listUnknownSettings(fields: CaseFields, name: OptimizerName): string[] {
  const known: readonly string[] = OPTIMIZER_SETTINGS[name];
  return fields.names
    .filter((setting) => setting !== 'name' && !known.includes(setting) && fields.get(setting))
    .map((setting) => `${setting}=${JSON.stringify(fields.get(setting))}`);
}

/**
 * Reads the `train` object of a training trace.
 *
 * @throws {FileFormatError} naming the field that is missing or out of range.
 */
export function readTraining(fields: CaseFields): CaseTraining {
  const optimizer = fields.object('optimizer');
  const name = optimizer.oneOf('name', OPTIMIZER_NAMES);
  return {
    input: fields.oneOf('input', ['embedding', 'onehot']),
    vocabularySize: fields.count('vocab'),
    steps: fields.count('steps'),
    batches: fields.count('batches'),
    stateful: fields.boolean('stateful', false),
    clipGradNorm: fields.positiveOrNull('clip_grad_norm'),
    optimizer: readOptimizer(optimizer, name),
    unknownOptimizerSettings: listUnknownSettings(optimizer, name),
  };
}
