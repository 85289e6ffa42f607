import { OptionError } from '../errors.ts';
import type { Lowering } from '../graph/operator.ts';
import { optimizerSgd } from '../kernels/generated/optimizer-sgd.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import {
  bindGroups,
  countVectors,
  largestFloat,
  momentOr,
  type Optimizer,
  type OptimizerViews,
  spread,
  type UpdatePosition,
  updateCost,
} from './optimizer.ts';
import { atLeastZero, checkFlag, checkNumber, withDefaults } from './options.ts';
import { type ParameterGroup, ParameterGroups } from './parameter-groups.ts';

/** Options of {@link sgd}, with PyTorch's defaults. */
export interface SgdOptions {
  /** Default 1e-3. */
  readonly learningRate?: number | undefined;
  /** Share of the last change that is kept. Default 0. */
  readonly momentum?: number | undefined;
  /** Share of the gradient that momentum leaves out. Default 0. */
  readonly dampening?: number | undefined;
  /** Looks ahead along the momentum. Default false. */
  readonly nesterov?: boolean | undefined;
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number | undefined;
  /** Parameters with a weight decay or learning rate of their own; none by default. */
  readonly parameterGroups?: readonly ParameterGroup[] | undefined;
}

const defaults = {
  learningRate: 1e-3,
  momentum: 0,
  dampening: 0,
  nesterov: false,
  weightDecay: 0,
  parameterGroups: undefined as readonly ParameterGroup[] | undefined,
};

/**
 * Stochastic gradient descent, with momentum and Nesterov's momentum as PyTorch's SGD.
 *
 * @throws {OptionError} for options that are unknown, out of range, or do not go together.
 */
export function sgd(given: SgdOptions = {}): Optimizer {
  const parsed = withDefaults('sgd', given as Partial<typeof defaults>, defaults);
  const { learningRate, momentum, dampening, nesterov, weightDecay } = parsed;
  for (const name of ['learningRate', 'momentum', 'weightDecay'] as const) {
    checkNumber('sgd', name, parsed[name], atLeastZero);
  }
  checkNumber('sgd', 'dampening', dampening, { accepts: () => true, expected: 'a number' });
  checkFlag('sgd', 'nesterov', nesterov);
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new OptionError(
      `sgd: nesterov with momentum ${momentum} and dampening ${dampening}, expected momentum > 0 and ` +
        'dampening 0. Set momentum: 0.9, or leave nesterov out.',
    );
  }
  const groups = new ParameterGroups('sgd', parsed.parameterGroups, weightDecay);
  const options = { ...parsed, parameterGroups: groups.plain };
  const hasMomentum = momentum !== 0;

  function lower(lowering: Lowering, views: OptimizerViews): void {
    const { parameters, gradients, state, clipping, label } = views;
    const vectorCount = countVectors(views);
    const { has_groups, table } = bindGroups(lowering, groups, views);
    const content = packStruct(optimizerSgd.bindings.options.struct, {
      weight_decay: weightDecay,
      momentum,
      kept: 1 - dampening,
      clip_value: clipping.clipValue ?? largestFloat,
    });
    const { threads, turns, workgroups } = spread(lowering, vectorCount);
    lowering.launch(
      defineLaunch(optimizerSgd, {
        label,
        constants: {
          vector_count: vectorCount,
          threads,
          turns,
          has_momentum: hasMomentum,
          nesterov,
          clips_value: clipping.clipValue !== undefined,
          has_groups,
        },
        bindings: {
          state,
          gradients,
          parameters,
          momentum_buffer: momentOr(lowering, views.moments[0], label),
          group_settings: table,
          options: lowering.settings(`${label}/options`, content),
        },
        workgroups,
        cost: hasMomentum ? updateCost(vectorCount, 9, 3, 2) : updateCost(vectorCount, 5, 2, 1),
      }),
    );
  }

  function update(
    parameters: Float64Array,
    gradients: Float64Array,
    [buffer]: readonly Float64Array[],
    { step, learningRate, parameter }: UpdatePosition,
  ): void {
    const { weightDecay, learningRateScale } = groups.settingsOf(parameter);
    const rate = learningRate * learningRateScale;
    for (const [index, value] of parameters.entries()) {
      let gradient = (gradients[index] as number) + weightDecay * value;
      if (hasMomentum && buffer) {
        buffer[index] =
          step === 1 ? gradient : momentum * (buffer[index] as number) + (1 - dampening) * gradient;
        gradient = nesterov ? gradient + momentum * buffer[index] : buffer[index];
      }
      parameters[index] = value - rate * gradient;
    }
  }

  const moments = hasMomentum ? ['momentum_buffer'] : [];
  return { name: 'sgd', options, learningRate, groups, moments, lower, update };
}
