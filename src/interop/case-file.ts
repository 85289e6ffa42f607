import { FileFormatError } from '../errors.ts';
import { CaseFields } from './case-fields.ts';
import { listCaseSlots, requireInputs } from './case-tensors.ts';
import { readTraining } from './case-training.ts';
import type { CaseTolerance, ParityCase, RecurrenceSettings } from './case-types.ts';
import { type NamedTensor, readSafetensors } from './safetensors.ts';

export type { CaseOptimizer, CaseTraining } from './case-training.ts';
export type {
  CaseTolerance,
  OperatorCase,
  ParityCase,
  RecurrenceSettings,
  TrainingCase,
} from './case-types.ts';

function readSettings(fields: CaseFields): RecurrenceSettings {
  const op = fields.oneOf('op', ['rnn', 'lstm', 'gru']);
  const settings: RecurrenceSettings = {
    op,
    layers: fields.count('layers'),
    direction: fields.oneOf('direction', ['forward', 'reverse', 'bidirectional'], 'forward'),
    inputSize: fields.count('input_size'),
    hiddenSize: fields.count('hidden_size'),
    batch: fields.count('batch'),
    steps: fields.count('time'),
    nonlinearity: fields.oneOf('nonlinearity', ['tanh', 'relu'], 'tanh'),
    gruReset: fields.oneOf('gru_reset', ['before', 'after'], op === 'gru' ? undefined : 'after'),
    projectionSize: fields.isAbsent('proj_size') ? 0 : fields.count('proj_size', 0),
    bias: fields.boolean('bias'),
    peepholes: fields.boolean('peepholes', false),
    inputForget: fields.boolean('input_forget', false),
    layerNorm: fields.boolean('layer_norm', false),
    clip: fields.positiveOrNull('clip'),
    activations: fields.isAbsent('activations') ? null : fields.strings('activations'),
    sequenceLens: fields.boolean('sequence_lens', false),
  };
  const expected = { rnn: 1, gru: 2, lstm: 3 }[op];
  if (settings.activations !== null && settings.activations.length !== expected) {
    fields.fail('activations', settings.activations, `${expected} names for ${op}, or null`);
  }
  return settings;
}

function readTolerances(fields: CaseFields, checks: readonly string[]): Map<string, CaseTolerance> {
  const common = { rtol: fields.nonNegative('rtol'), atol: fields.nonNegative('atol') };
  if (fields.isAbsent('tol')) return new Map(checks.map((name) => [name, common]));
  const perTensor = fields.object('tol');
  return new Map(
    checks.map((name) => {
      if (perTensor.isAbsent(name)) return [name, common];
      const own = perTensor.object(name);
      const rtol = own.nonNegative('rtol', common.rtol);
      return [name, { rtol, atol: own.nonNegative('atol', common.atol) }];
    }),
  );
}

function readChecks(fields: CaseFields): string[] {
  const checks = fields.strings('checks');
  if (checks.length === 0 || new Set(checks).size !== checks.length) {
    fields.fail('checks', checks, 'at least one name, none of them twice');
  }
  return checks;
}

function readFields(text: string | undefined, source: string): CaseFields {
  if (text === undefined) {
    throw new FileFormatError(
      `${source}: the file's metadata has no 'case', expected the JSON of a parity case. ` +
        'Pass a parity case, or add its metadata.',
    );
  }
  try {
    return new CaseFields(source, 'case', JSON.parse(text));
  } catch (cause) {
    if (cause instanceof FileFormatError) throw cause;
    throw new FileFormatError(
      `${source}: the metadata 'case' is not JSON (${(cause as Error).message}), expected an object. ` +
        'Write the case again.',
      { cause },
    );
  }
}

function requireExpected(
  expected: ReadonlyMap<string, NamedTensor>,
  checks: readonly string[],
  source: string,
) {
  const missing = checks.find((name) => !expected.has(name));
  if (missing === undefined || expected.size === 0) return;
  throw new FileFormatError(
    `${source}: 'checks' names tensor '${missing}', which the file lacks while it holds others. ` +
      'Add the tensor, or strip all expected tensors.',
  );
}

/**
 * Reads a parity case. Inputs are checked against the metadata; expected tensors are only set aside,
 * their values and shapes are first looked at by `compareTensors`.
 *
 * @param bytes - The whole safetensors file, with or without its expected tensors.
 * @param source - The file's path: names the case, and starts every message.
 * @throws {FileFormatError} if the file is no safetensors file, its metadata lack a field or hold a
 *   wrong one, or an input tensor is missing or has another shape or type than the metadata say.
 */
export function parseParityCase(bytes: Uint8Array | ArrayBuffer, source: string): ParityCase {
  const { tensors, metadata } = readSafetensors(bytes, { source });
  const fields = readFields(metadata.case, source);
  const checks = readChecks(fields);
  const expected = new Map([...tensors].filter(([name]) => checks.includes(name)));
  const isAnswer = (name: string) => expected.has(name) || name.startsWith('grad.');
  const contents = {
    ...readSettings(fields),
    name: source.replace(/^.*[\\/]/, '').replace(/\.safetensors$/, ''),
    inputs: new Map([...tensors].filter(([name]) => !isAnswer(name))),
    checks,
    tolerances: readTolerances(fields, checks),
    expected,
    unknownTensors: [],
  };
  const kind = fields.oneOf('kind', ['operator', 'train'], 'operator');
  const parsed: ParityCase =
    kind === 'train'
      ? { ...contents, kind, training: readTraining(fields.object('train')) }
      : { ...contents, kind };
  requireExpected(expected, checks, source);
  requireInputs(parsed, source);
  return { ...parsed, unknownTensors: listUnknownTensors(parsed) };
}

function listUnknownTensors(parsed: ParityCase): string[] {
  const { required, optional, results } = listCaseSlots(parsed);
  const inputs = new Set([...required, ...optional].map(({ name }) => name));
  const outputs = new Set(results.map(({ name }) => name));
  return [
    ...[...parsed.inputs.keys()].filter((name) => !inputs.has(name)),
    ...parsed.checks.filter((name) => !outputs.has(name)),
  ];
}
