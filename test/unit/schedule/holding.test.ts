import { describe, expect, it } from 'vitest';
import type { PlanLimits } from '../../../src/graph/operator.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import type { Layer } from '../../../src/layers/layer.ts';
import { model, sequential } from '../../../src/layers/model.ts';
import { gru, lstm, rnn } from '../../../src/layers/recurrent.ts';
import { linear as product } from '../../../src/ops/linear.ts';
import { reshape } from '../../../src/ops/reshape.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import type { ScheduleOptions } from '../../../src/schedule/program.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { samplingProgram, traceToken } from '../../../src/training/sampler.ts';
import { narrowLimits, wideLimits } from './limits.ts';

const vocabulary = 40;

/** The plan that samples from a language model. */
function planSampling(
  layer: Layer,
  limits: PlanLimits,
  { outputs = vocabulary, ...options }: Partial<ScheduleOptions> & { outputs?: number } = {},
): Plan {
  const graph = traceToken(sequential([oneHot(vocabulary), layer, linear(outputs)]));
  const parameters = [...graph.traced.parameters.values()].map(({ parameter }) => parameter);
  const program = samplingProgram(graph, layOutParameters(parameters));
  return schedule(program, { limits, packsOnce: true, ...options });
}

/** Threads of the one workgroup, and how many launches of the plan hold weights. */
function describePlan({ resident, launches }: Plan) {
  const held = launches.filter(({ constants }) => Number(constants.held_quads) > 0).length;
  return { lanes: resident?.lanes, held };
}

describe('sampling in one workgroup whose threads keep the weights', () => {
  const launched = { lanes: undefined, held: 0 };

  it('is chosen on an adapter whose subgroups are quads', () => {
    expect(describePlan(planSampling(lstm(128), narrowLimits))).toEqual({ lanes: 64, held: 1 });
    expect(describePlan(planSampling(lstm(250), narrowLimits))).toEqual({ lanes: 128, held: 1 });
    const bytes = planSampling(lstm(256), narrowLimits, { outputs: 256 });
    expect(describePlan(bytes)).toEqual({ lanes: 128, held: 1 });
    expect(describePlan(planSampling(lstm(512), narrowLimits))).toEqual({ lanes: 256, held: 1 });
    const before = gru(300, { reset: 'before' });
    expect(describePlan(planSampling(before, narrowLimits))).toEqual({ lanes: 152, held: 1 });
    const head = planSampling(lstm(128), narrowLimits, { outputs: 500 });
    expect(describePlan(head)).toEqual({ lanes: 64, held: 1 });
  });

  it('is chosen for small layers and for stacks', () => {
    expect(describePlan(planSampling(lstm(48), narrowLimits))).toEqual({ lanes: 24, held: 1 });
    expect(describePlan(planSampling(rnn(64), narrowLimits))).toEqual({ lanes: 32, held: 1 });
    const stack = lstm(128, { layers: 2 });
    expect(describePlan(planSampling(stack, narrowLimits))).toEqual({ lanes: 64, held: 2 });
  });

  it('says so, and how many tokens it draws in a dispatch', () => {
    const { decisions, resident } = planSampling(lstm(256), narrowLimits);
    expect(resident).toEqual({ lanes: 128, mostRepeats: 128 });
    expect(decisions.at(-1)).toEqual({
      node: 'sample',
      choice: 'resident, one workgroup of 128 lanes, up to 128 repetitions a dispatch',
      reason: 'its threads keep the weights from repetition to repetition',
    });
  });

  it.each<[string, Plan]>([
    ['threads would be too many', planSampling(lstm(513), narrowLimits)],
    ['weights are expanded for every token', planSampling(lstm(128, { heads: 4 }), narrowLimits)],
    ['layers are too many', planSampling(lstm(48, { layers: 4 }), narrowLimits)],
    ['layers have too many weights', planSampling(lstm(200, { layers: 3 }), narrowLimits)],
    ['threads cannot keep a large head', planSampling(lstm(128), narrowLimits, { outputs: 2000 })],
    [
      'weights are f16',
      planSampling(lstm(128), { ...narrowLimits, hasF16: true }, { precision: 'f16' }),
    ],
    [
      'another strategy is asked for',
      planSampling(lstm(128), narrowLimits, { strategy: 'stepwise' }),
    ],
    ['lanes cannot swap', planSampling(lstm(128), { ...narrowLimits, hasSubgroups: false })],
    ['subgroups are wider', planSampling(lstm(128), { ...narrowLimits, laneWidth: 8 })],
    ['a GPU is real', planSampling(lstm(256), wideLimits)],
  ])('is not where %s', (_name, plan) => {
    expect(describePlan(plan)).toEqual(launched);
  });

  it('is not where weights are computed from the token', () => {
    const [outputs, hidden] = [4, 64];
    const recurrence = lstm(hidden);
    const makeWeight = linear(outputs * hidden);
    const graph = traceToken(
      model(({ input }) => {
        const y = recurrence(oneHot(vocabulary)(input as SymbolicTensor));
        return product(y, reshape(makeWeight(y), [outputs, hidden]));
      }),
    );
    const parameters = [...graph.traced.parameters.values()].map(({ parameter }) => parameter);
    const program = samplingProgram(graph, layOutParameters(parameters));
    const plan = schedule(program, { limits: narrowLimits, packsOnce: true });
    expect(describePlan(plan)).toEqual(launched);
  });

  it('leaves a very small model to the plain plan for one workgroup', () => {
    expect(describePlan(planSampling(lstm(8), narrowLimits, { outputs: 4 }))).toEqual({
      lanes: 4,
      held: 0,
    });
  });
});
