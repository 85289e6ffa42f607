import type { CaseOptionName } from '../../interop/case-options.ts';
import type { RecurrenceSettings } from '../../interop/case-types.ts';
import { type RecurrentLayer, recurrent } from '../../layers/recurrent.ts';

/** Case options that {@link buildRecurrentLayer} honours; a case with any other is unsupported. */
export const supportedOptions: ReadonlySet<CaseOptionName> = new Set(['direction']);

/** The settings of a case that become options of a cell, by the operator they belong to. */
const cellOptions = {
  rnn: ({ nonlinearity }: RecurrenceSettings) => ({ nonlinearity }),
  lstm: () => ({}),
  gru: ({ gruReset }: RecurrenceSettings) => ({ reset: gruReset }),
} as const;

/** The recurrent layers that a case describes; their parameters are called `rnn.weight_ih_l0` and so on. */
export function buildRecurrentLayer(settings: RecurrenceSettings): RecurrentLayer {
  const { op, layers, direction, bias, hiddenSize } = settings;
  return recurrent(op, hiddenSize, {
    name: 'rnn',
    layers,
    direction,
    bias,
    ...cellOptions[op](settings),
  });
}
