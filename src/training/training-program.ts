import type { Lowering } from '../graph/operator.ts';
import { type Program, sharedKeys } from '../schedule/program.ts';
import type { TrainingSpec } from './engine.ts';
import { lossScaleBytes, lossScaleKey } from './loss-scale.ts';
import type { ResidentData } from './resident-data.ts';
import { lowerFinishStep, lowerGradientNorm, trainingState } from './step.ts';
import { stepRecordBytes, trainingKeys } from './step-state.ts';
import { finalStates } from './training-graph.ts';

/** Steps whose records the history holds. */
const HISTORY_STEPS = 1024;

/** What a training step computes: batch, loss, gradients, update. */
export function trainingProgram(
  { graph, data, optimizer, schedule: rate, clipping, lossScaling }: TrainingSpec,
  resident: ResidentData,
): Program {
  return {
    name: 'train',
    parameters: graph.layout,
    outputs: new Map([['loss', graph.loss]]),
    gradients: graph.gradients,
    alsoComputed: finalStates(graph),
    before: (lowering: Lowering) => resident.gather(lowering, graph, data, ''),
    after: (lowering: Lowering) => {
      const state = trainingState(lowering);
      const flatBytes = 4 * graph.layout.totalFloats;
      const gradients = lowering.shared(sharedKeys.gradients, flatBytes);
      lowerFinishStep(lowering, {
        loss: lowering.view(graph.loss),
        parts: lowerGradientNorm(lowering, gradients, 'gradient-norm'),
        schedule: rate,
        learningRate: optimizer.learningRate,
        clipping,
        history: lowering.shared(trainingKeys.history, HISTORY_STEPS * stepRecordBytes),
        state,
        lossScale: lossScaling && {
          view: lowering.shared(lossScaleKey, lossScaleBytes),
          growthSteps: lossScaling.growthSteps,
        },
        label: 'finish-step',
      });
      optimizer.lower(lowering, {
        parameters: lowering.shared(sharedKeys.parameters, flatBytes),
        gradients,
        moments: optimizer.moments.map((name) =>
          lowering.shared(trainingKeys.moment(name), flatBytes),
        ),
        state,
        clipping,
        layout: graph.layout,
        label: `optimizer/${optimizer.name}`,
      });
      resident.carry(lowering, graph, data, '');
    },
  };
}
