import { cells } from '../../cells/registry.ts';
import type { CaseOptionName } from '../../interop/case-options.ts';
import type { RecurrenceSettings } from '../../interop/case-types.ts';
import { type RecurrentLayer, recurrent } from '../../layers/recurrent.ts';

/** Case options that {@link buildRecurrentLayer} honours; a case with any other is unsupported. */
export const supportedOptions: ReadonlySet<CaseOptionName> = new Set(['direction']);

/** The recurrent layers that a case describes; their parameters are called `rnn.weight_ih_l0` and so on. */
export function buildRecurrentLayer(settings: RecurrenceSettings): RecurrentLayer {
  const { op, layers, direction, bias, hiddenSize, nonlinearity, gruReset } = settings;
  const cellOptions = Object.entries({ nonlinearity, reset: gruReset }).filter(([name]) =>
    (cells[op].optionNames as readonly string[]).includes(name),
  );
  return recurrent(op, hiddenSize, {
    name: 'rnn',
    layers,
    direction,
    bias,
    ...Object.fromEntries(cellOptions),
  });
}
