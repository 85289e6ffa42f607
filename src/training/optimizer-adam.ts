import { OptionError } from '../errors.ts';
import type { Lowering } from '../graph/operator.ts';
import { optimizerAdam } from '../kernels/generated/optimizer-adam.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import {
  bindGroups,
  countVectors,
  largestFloat,
  type Optimizer,
  type OptimizerViews,
  spread,
  type UpdatePosition,
  updateCost,
} from './optimizer.ts';
import { atLeastZero, checkFlag, checkNumber, fraction, show, withDefaults } from './options.ts';
import { type ParameterGroup, ParameterGroups } from './parameter-groups.ts';

/** Options of {@link adam} and {@link adamw}, with PyTorch's defaults. */
export interface AdamOptions {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Decay of the running mean and of the running square of the gradient. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number] | undefined;
  /** Added to the root of the running square. Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** `adam`: L2 penalty, default 0. `adamw`: share of a parameter lost per unit of rate, default 0.01. */
  readonly weightDecay?: number | undefined;
  /** Not offered: `true` is refused. */
  readonly amsgrad?: false | undefined;
  /** Parameters with a weight decay or learning rate of their own; none by default. */
  readonly parameterGroups?: readonly ParameterGroup[] | undefined;
}

/**
 * Adam; weight decay is an L2 penalty, added to the gradient.
 *
 * @throws {OptionError} for options that are unknown or out of range.
 * @see Kingma & Ba 2015, "Adam: a method for stochastic optimization".
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return makeAdam('adam', options, 0);
}

/**
 * AdamW: Adam whose weight decay acts on the parameters themselves.
 *
 * @throws {OptionError} for options that are unknown or out of range.
 * @see Loshchilov & Hutter 2019, "Decoupled weight decay regularization".
 */
export function adamw(options: AdamOptions = {}): Optimizer {
  return makeAdam('adamw', options, 0.01);
}

function parseAdam(name: string, given: AdamOptions, weightDecay: number) {
  const options = withDefaults(name, given as object, {
    learningRate: 1e-3,
    betas: [0.9, 0.999] as readonly [number, number],
    epsilon: 1e-8,
    weightDecay,
    amsgrad: false,
    parameterGroups: undefined as readonly ParameterGroup[] | undefined,
  });
  for (const option of ['learningRate', 'epsilon', 'weightDecay'] as const) {
    checkNumber(name, option, options[option], atLeastZero);
  }
  if (!Array.isArray(options.betas) || options.betas.length !== 2) {
    throw new OptionError(
      `${name}: betas is ${show(options.betas)}, expected two numbers. Write betas: [0.9, 0.999].`,
    );
  }
  for (const [index, beta] of options.betas.entries()) {
    checkNumber(name, `betas[${index}]`, beta, fraction);
  }
  if (checkFlag(name, 'amsgrad', options.amsgrad)) {
    throw new OptionError(
      `${name}: amsgrad is true, expected false: it is not offered. Leave it out.`,
    );
  }
  return options;
}

function makeAdam(name: string, given: AdamOptions, defaultDecay: number): Optimizer {
  const parsed = parseAdam(name, given, defaultDecay);
  const { learningRate, epsilon, weightDecay } = parsed;
  const groups = new ParameterGroups(name, parsed.parameterGroups, weightDecay);
  const options = { ...parsed, parameterGroups: groups.plain };
  const [beta1, beta2] = parsed.betas;
  const decoupled = name === 'adamw';

  function lower(lowering: Lowering, views: OptimizerViews): void {
    const { parameters, gradients, state, clipping, label } = views;
    const [mean, variance] = views.moments as [OptimizerViews['state'], OptimizerViews['state']];
    const vectorCount = countVectors(views);
    const { has_groups, table } = bindGroups(lowering, groups, views);
    const content = packStruct(optimizerAdam.bindings.options.struct, {
      weight_decay: weightDecay,
      epsilon,
      clip_value: clipping.clipValue ?? largestFloat,
      mean_gain: 1 - beta1,
      mean_log_decay: logOfDecay(beta1),
      variance_decay: beta2,
      variance_gain: 1 - beta2,
      variance_log_decay: logOfDecay(beta2),
    });
    const { threads, turns, workgroups } = spread(lowering, vectorCount);
    lowering.launch(
      defineLaunch(optimizerAdam, {
        label,
        constants: {
          vector_count: vectorCount,
          threads,
          turns,
          decoupled,
          clips_value: clipping.clipValue !== undefined,
          has_groups,
        },
        bindings: {
          state,
          gradients,
          parameters,
          mean,
          variance,
          group_settings: table,
          options: lowering.settings(`${label}/options`, content),
        },
        workgroups,
        cost: updateCost(vectorCount, 14, 4, 3),
      }),
    );
  }

  function update(
    parameters: Float64Array,
    gradients: Float64Array,
    moments: readonly Float64Array[],
    { step, learningRate, parameter }: UpdatePosition,
  ): void {
    const { weightDecay, learningRateScale } = groups.settingsOf(parameter);
    const rate = learningRate * learningRateScale;
    const [mean, variance] = moments as [Float64Array, Float64Array];
    const stepSize = rate / (1 - beta1 ** step);
    const correction = Math.sqrt(1 - beta2 ** step);
    for (const [index, before] of parameters.entries()) {
      const value = decoupled ? before * (1 - rate * weightDecay) : before;
      const penalty = decoupled ? 0 : weightDecay * before;
      const gradient = (gradients[index] as number) + penalty;
      mean[index] = beta1 * (mean[index] as number) + (1 - beta1) * gradient;
      variance[index] = beta2 * (variance[index] as number) + (1 - beta2) * gradient * gradient;
      const scale = Math.sqrt(variance[index]) / correction + epsilon;
      parameters[index] = value - (stepSize * mean[index]) / scale;
    }
  }

  const moments = ['exp_avg', 'exp_avg_sq'];
  return { name, options, learningRate, groups, moments, lower, update };
}

/** log(beta) as the kernel can take it: finite, and e to it is 0 in float32 where beta is 0. */
function logOfDecay(beta: number): number {
  return Math.max(Math.log(beta), -1000);
}
