import { cells } from '../../cells/registry.ts';
import type { RecurrenceSettings } from '../../interop/case-types.ts';
import { type RecurrentLayer, recurrent } from '../../layers/recurrent.ts';

/** The recurrent layers that a case describes; their parameters are called `rnn.weight_ih_l0` and so on. */
export function buildRecurrentLayer(settings: RecurrenceSettings): RecurrentLayer {
  const { op, layers, direction, bias, hiddenSize, activations } = settings;
  const all = {
    nonlinearity: activations?.[0] ?? settings.nonlinearity,
    reset: settings.gruReset,
    activations: activations ?? undefined,
    clip: settings.clip ?? undefined,
    peepholes: settings.peepholes,
    inputForget: settings.inputForget,
    layerNorm: settings.layerNorm,
    projectionSize: settings.projectionSize,
  };
  const known: readonly string[] = cells[op].optionNames;
  const used = Object.entries(all).filter(
    ([name, value]) => known.includes(name) && value !== undefined,
  );
  const common = { name: 'rnn', layers, direction, bias };
  return recurrent(op, hiddenSize, { ...common, ...Object.fromEntries(used) });
}
