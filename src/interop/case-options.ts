import type { ParityCase } from './case-types.ts';

/** Options of a case that a runner may or may not have built. */
export type CaseOptionName =
  | 'direction'
  | 'sequence_lens'
  | 'proj_size'
  | 'peepholes'
  | 'input_forget'
  | 'clip'
  | 'activations'
  | 'optimizer'
  | 'tensors';

/** An option that a case uses, with its value as a reader of the case file would see it. */
export interface CaseOption {
  readonly name: CaseOptionName;
  readonly value: string;
}

/** Everything that a case asks for beyond forward recurrence with the cells' own definition. */
export function listCaseOptions(parsed: ParityCase): CaseOption[] {
  const settings = parsed.kind === 'train' ? parsed.training.unknownOptimizerSettings : [];
  const used: [CaseOptionName, boolean, unknown][] = [
    ['direction', parsed.direction !== 'forward', parsed.direction],
    ['sequence_lens', parsed.sequenceLens, parsed.sequenceLens],
    ['proj_size', parsed.projectionSize > 0, parsed.projectionSize],
    ['peepholes', parsed.peepholes, parsed.peepholes],
    ['input_forget', parsed.inputForget, parsed.inputForget],
    ['clip', parsed.clip !== null, parsed.clip],
    ['activations', parsed.activations !== null, parsed.activations?.join(' ')],
    ['optimizer', settings.length > 0, settings.join(' ')],
    ['tensors', parsed.unknownTensors.length > 0, parsed.unknownTensors.join(' ')],
  ];
  return used
    .filter(([, isUsed]) => isUsed)
    .map(([name, , value]) => ({ name, value: String(value) }));
}

/**
 * Why a runner cannot run a case, or null if it can.
 *
 * @param supported - Options that the runner has built. Unknown optimizer settings and tensors are
 *   never supported, whatever this says: running without them would be a guess.
 */
export function explainUnsupported(
  parsed: ParityCase,
  supported: ReadonlySet<CaseOptionName>,
): string | null {
  const missing = listCaseOptions(parsed).filter(
    ({ name }) => name === 'optimizer' || name === 'tensors' || !supported.has(name),
  );
  if (missing.length === 0) return null;
  return `not built: ${missing.map(({ name, value }) => `${name} ${value}`).join(', ')}`;
}
