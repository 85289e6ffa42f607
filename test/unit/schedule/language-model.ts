import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import type { Layer } from '../../../src/layers/layer.ts';
import { sequential } from '../../../src/layers/model.ts';
import { lstm } from '../../../src/layers/recurrent.ts';
import { differentiate } from '../../../src/ops/differentiate.ts';
import { softmaxCrossEntropy } from '../../../src/ops/softmax-cross-entropy.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import type { Plan } from '../../../src/schedule/plan.ts';
import type { ScheduleOptions } from '../../../src/schedule/program.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { narrowLimits } from './limits.ts';

export interface LanguageModelSize {
  readonly steps: number;
  readonly batch: number;
  readonly vocabulary: number;
  /** Default: an LSTM of 64 units. */
  readonly layer?: Layer;
}

/** The plan of forward, loss and all gradients of a one-layer language model. */
export function planLanguageModel(
  { steps, batch, vocabulary, layer = lstm(64) }: LanguageModelSize,
  options: Partial<ScheduleOptions> = {},
): Plan {
  const type = { shape: [steps, batch], dtype: 'i32' } as const;
  const network = sequential([oneHot(vocabulary), layer, linear(vocabulary)]);
  const { outputs, inputs, parameters } = network.trace({ input: type, target: type });
  const loss = softmaxCrossEntropy(
    outputs.output as SymbolicTensor,
    inputs.target as SymbolicTensor,
  );
  const entries = [...parameters.values()];
  const found = differentiate(
    loss,
    entries.map(({ tensor }) => tensor),
  );
  return schedule(
    {
      name: 'train',
      parameters: layOutParameters(entries.map(({ parameter }) => parameter)),
      outputs: new Map([['loss', loss]]),
      gradients: new Map(
        entries.map(({ parameter }, index) => [parameter.name, found[index] as SymbolicTensor]),
      ),
    },
    { limits: narrowLimits, ...options },
  );
}
