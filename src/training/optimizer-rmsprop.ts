import type { Lowering } from '../graph/operator.ts';
import { optimizerRmsprop } from '../kernels/generated/optimizer-rmsprop.ts';
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

/** Options of {@link rmsprop}, with PyTorch's defaults. */
export interface RmspropOptions {
  /** Default 0.01. */
  readonly learningRate?: number | undefined;
  /** Decay of the running square of the gradient. Default 0.99. */
  readonly alpha?: number | undefined;
  /** Added to the root of the running square. Default 1e-8. */
  readonly epsilon?: number | undefined;
  /** L2 penalty, added to the gradient. Default 0. */
  readonly weightDecay?: number | undefined;
  /** Share of the last change that is kept. Default 0. */
  readonly momentum?: number | undefined;
  /** Divides by the running variance instead of the running square. Default false. */
  readonly centered?: boolean | undefined;
  /** Parameters with a weight decay or learning rate of their own; none by default. */
  readonly parameterGroups?: readonly ParameterGroup[] | undefined;
}

const defaults = {
  learningRate: 0.01,
  alpha: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  momentum: 0,
  centered: false,
  parameterGroups: undefined as readonly ParameterGroup[] | undefined,
};

/**
 * RMSprop, as PyTorch's: the gradient over the root of its running square.
 *
 * @throws {OptionError} for options that are unknown or out of range.
 * @see Tieleman & Hinton 2012, lecture 6.5; Graves 2013 (centered).
 */
export function rmsprop(given: RmspropOptions = {}): Optimizer {
  const parsed = withDefaults('rmsprop', given as Partial<typeof defaults>, defaults);
  const { learningRate, alpha, epsilon, weightDecay, momentum, centered } = parsed;
  for (const name of ['learningRate', 'epsilon', 'weightDecay', 'momentum'] as const) {
    checkNumber('rmsprop', name, parsed[name], atLeastZero);
  }
  checkNumber('rmsprop', 'alpha', alpha, {
    accepts: (value) => value >= 0 && value <= 1,
    expected: 'a number from 0 to 1',
  });
  checkFlag('rmsprop', 'centered', centered);
  const groups = new ParameterGroups('rmsprop', parsed.parameterGroups, weightDecay);
  const options = { ...parsed, parameterGroups: groups.plain };
  const hasMomentum = momentum > 0;
  const moments = ['square_avg'];
  if (hasMomentum) moments.push('momentum_buffer');
  if (centered) moments.push('grad_avg');
  /** The moment of a name among those that these options keep. */
  const pick = <T>(given: readonly T[], name: string) => given[moments.indexOf(name)];

  function lower(lowering: Lowering, views: OptimizerViews): void {
    const { parameters, gradients, state, clipping, label } = views;
    const vectorCount = countVectors(views);
    const { has_groups, table } = bindGroups(lowering, groups, views);
    const content = packStruct(optimizerRmsprop.bindings.options.struct, {
      weight_decay: weightDecay,
      epsilon,
      clip_value: clipping.clipValue ?? largestFloat,
      momentum,
      alpha,
      gain: 1 - alpha,
    });
    const moment = (name: string) =>
      momentOr(lowering, pick(views.moments, name), `${label}/${name}`);
    const { threads, turns, workgroups } = spread(lowering, vectorCount);
    lowering.launch(
      defineLaunch(optimizerRmsprop, {
        label,
        constants: {
          vector_count: vectorCount,
          threads,
          turns,
          centered,
          has_momentum: hasMomentum,
          clips_value: clipping.clipValue !== undefined,
          has_groups,
        },
        bindings: {
          state,
          gradients,
          parameters,
          square: moment('square_avg'),
          average: moment('grad_avg'),
          momentum_buffer: moment('momentum_buffer'),
          group_settings: table,
          options: lowering.settings(`${label}/options`, content),
        },
        workgroups,
        cost: updateCost(vectorCount, 16, 2 + moments.length, 1 + moments.length),
      }),
    );
  }

  function update(
    parameters: Float64Array,
    gradients: Float64Array,
    given: readonly Float64Array[],
    { learningRate, parameter }: UpdatePosition,
  ): void {
    const { weightDecay, learningRateScale } = groups.settingsOf(parameter);
    const rate = learningRate * learningRateScale;
    const square = given[0] as Float64Array;
    const average = pick(given, 'grad_avg');
    const buffer = pick(given, 'momentum_buffer');
    for (const [index, value] of parameters.entries()) {
      const gradient = (gradients[index] as number) + weightDecay * value;
      square[index] = alpha * (square[index] as number) + (1 - alpha) * gradient * gradient;
      let spread = square[index];
      if (average) {
        average[index] = alpha * (average[index] as number) + (1 - alpha) * gradient;
        spread = Math.max(0, spread - average[index] * average[index]);
      }
      let change = gradient / (Math.sqrt(spread) + epsilon);
      if (buffer) {
        change += momentum * (buffer[index] as number);
        buffer[index] = change;
      }
      parameters[index] = value - rate * change;
    }
  }

  return { name: 'rmsprop', options, learningRate, groups, moments, lower, update };
}
