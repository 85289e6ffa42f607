import type { ParityCase } from './case-types.ts';

/**
 * Why a case cannot be run, or null if it can: what its file holds beyond the case format. Running without it
 * would be a guess.
 */
export function explainUnsupported(parsed: ParityCase): string | null {
  const settings = parsed.kind === 'train' ? parsed.training.unknownOptimizerSettings : [];
  const unknown = [
    ...(settings.length > 0 ? [`optimizer ${settings.join(' ')}`] : []),
    ...(parsed.unknownTensors.length > 0 ? [`tensors ${parsed.unknownTensors.join(' ')}`] : []),
    ...(parsed.kind === 'train' && parsed.sequenceLens
      ? ['sequence_lens of a training trace']
      : []),
  ];
  return unknown.length > 0 ? `not known: ${unknown.join(', ')}` : null;
}
