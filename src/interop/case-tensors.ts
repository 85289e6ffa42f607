import { cells } from '../cells/registry.ts';
import { isScanCell } from '../cells/scan-cell.ts';
import { FileFormatError } from '../errors.ts';
import type { OperatorCase, ParityCase, RecurrenceSettings, TrainingCase } from './case-types.ts';
import type { NamedTensor, TensorDtype } from './safetensors.ts';

/** Name, shape and element type of a tensor that a case holds or asks for. */
export interface TensorSlot {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: TensorDtype;
}

function slot(name: string, ...shape: number[]): TensorSlot {
  return { name, shape, dtype: 'F32' };
}

/** Widths that follow from a case's settings: directions D, and the width Ho of one direction's h. */
export function measureCase(settings: RecurrenceSettings): { directions: number; width: number } {
  const directions = settings.direction === 'bidirectional' ? 2 : 1;
  return { directions, width: settings.projectionSize || settings.hiddenSize };
}

/** Parameters of the recurrent layers in PyTorch's order and naming, with their shapes. */
export function listRecurrentParameters(settings: RecurrenceSettings): TensorSlot[] {
  const { directions, width } = measureCase(settings);
  const { hiddenSize, projectionSize } = settings;
  const cell = cells[settings.op].create({});
  const rows = (isScanCell(cell) ? cell.gates.length : cell.inputGates) * hiddenSize;
  const slots: TensorSlot[] = [];
  for (let layer = 0; layer < settings.layers; layer += 1) {
    const inputSize = layer === 0 ? settings.inputSize : directions * width;
    for (const suffix of directions === 2 ? ['', '_reverse'] : ['']) {
      const key = `l${layer}${suffix}`;
      if (isScanCell(cell)) {
        slots.push(slot(`weight_ih_${key}`, rows, inputSize));
        if (settings.bias) slots.push(slot(`bias_ih_${key}`, rows));
        continue;
      }
      slots.push(slot(`weight_ih_${key}`, rows, inputSize), slot(`weight_hh_${key}`, rows, width));
      if (settings.bias) slots.push(slot(`bias_ih_${key}`, rows), slot(`bias_hh_${key}`, rows));
      if (projectionSize > 0) slots.push(slot(`weight_hr_${key}`, projectionSize, hiddenSize));
      if (settings.peepholes) slots.push(slot(`peephole_${key}`, 3 * hiddenSize));
      if (!settings.layerNorm) continue;
      slots.push(slot(`norm_ih_${key}`, rows), slot(`norm_hh_${key}`, rows));
      if (settings.op !== 'lstm') continue;
      slots.push(slot(`norm_c_${key}`, hiddenSize), slot(`norm_c_bias_${key}`, hiddenSize));
    }
  }
  return slots;
}

/** Parameters of a training trace's whole model, in PyTorch's order and naming. */
export function listModelParameters(traced: TrainingCase): TensorSlot[] {
  const { directions, width } = measureCase(traced);
  const { vocabularySize, input } = traced.training;
  return [
    ...(input === 'embedding' ? [slot('embedding.weight', vocabularySize, traced.inputSize)] : []),
    ...listRecurrentParameters(traced).map((each) => ({ ...each, name: `rnn.${each.name}` })),
    slot('linear.weight', vocabularySize, directions * width),
    slot('linear.bias', vocabularySize),
  ];
}

interface CaseSlots {
  readonly required: readonly TensorSlot[];
  readonly optional: readonly TensorSlot[];
  readonly results: readonly TensorSlot[];
}

function prefix(slots: readonly TensorSlot[], text: string): TensorSlot[] {
  return slots.map((each) => ({ ...each, name: `${text}${each.name}` }));
}

function listOperatorSlots(parsed: OperatorCase): CaseSlots {
  const { directions, width } = measureCase(parsed);
  const { steps, batch, inputSize, hiddenSize, layers } = parsed;
  const parameters = listRecurrentParameters(parsed);
  const isLstm = parsed.op === 'lstm';
  const x = slot('x', steps, batch, inputSize);
  const cell = [layers * directions, batch, hiddenSize] as const;
  const states = [slot('h_0', layers * directions, batch, width)];
  const outputs = [slot('y', steps, batch, directions * width), { ...states[0], name: 'h_n' }];
  if (isLstm) {
    states.push(slot('c_0', ...cell));
    outputs.push(slot('c_n', ...cell));
  }
  const lengths: TensorSlot = { name: 'sequence_lens', shape: [batch], dtype: 'I32' };
  return {
    required: [x, ...parameters, ...(parsed.sequenceLens ? [lengths] : [])],
    optional: [...states, ...prefix(outputs as TensorSlot[], 'grad_')],
    results: [...(outputs as TensorSlot[]), ...prefix([x, ...states, ...parameters], 'grad.')],
  };
}

function listTrainingSlots(traced: TrainingCase): CaseSlots {
  const { steps, batch, training } = traced;
  const { batches, vocabularySize } = training;
  const parameters = listModelParameters(traced);
  const tokens: TensorSlot = { name: 'tokens', shape: [batches, steps, batch], dtype: 'I32' };
  return {
    required: [tokens, { ...tokens, name: 'targets' }, ...prefix(parameters, 'init.')],
    optional: [],
    results: [
      slot('loss', training.steps),
      slot('grad_norm', training.steps),
      ...prefix(parameters, 'grad0.'),
      ...prefix(parameters, 'final.'),
      slot('logits_final', steps, batch, vocabularySize),
      { name: 'pred', shape: [steps, batch], dtype: 'I32' },
    ],
  };
}

/** Every tensor that a case must hold, may hold, and may ask for. */
export function listCaseSlots(parsed: ParityCase): CaseSlots {
  return parsed.kind === 'train' ? listTrainingSlots(parsed) : listOperatorSlots(parsed);
}

/** @throws {FileFormatError} if an integer of the tensor lies outside [0, limit). */
function requireRange(source: string, name: string, tensor: NamedTensor, limit: number): void {
  const data = tensor.data as Int32Array;
  const index = data.findIndex((value) => value < 0 || value >= limit);
  if (index < 0) return;
  throw new FileFormatError(
    `${source}: tensor '${name}' holds ${data[index]} at element ${index}, expected 0 to ${limit - 1}. ` +
      'Write the case with values in that range.',
  );
}

function requireSlot(source: string, expected: TensorSlot, tensor: NamedTensor): void {
  const want = `${expected.dtype} [${expected.shape.join(', ')}]`;
  const got = `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  if (got === want) return;
  throw new FileFormatError(
    `${source}: tensor '${expected.name}' is ${got}, the case's sizes ask for ${want}. ` +
      'Correct the metadata or the tensor.',
  );
}

/**
 * Checks the inputs of a case against its metadata: presence, shape, type, integer ranges.
 *
 * @throws {FileFormatError} naming the first tensor that is missing or does not fit.
 */
export function requireInputs(parsed: ParityCase, source: string): void {
  const { required, optional } = listCaseSlots(parsed);
  for (const each of required) {
    const tensor = parsed.inputs.get(each.name);
    if (tensor === undefined) {
      throw new FileFormatError(
        `${source}: tensor '${each.name}' is missing, the case's metadata asks for it. Add the tensor.`,
      );
    }
    requireSlot(source, each, tensor);
  }
  for (const each of optional) {
    const tensor = parsed.inputs.get(each.name);
    if (tensor !== undefined) requireSlot(source, each, tensor);
  }
  const limits = {
    sequence_lens: parsed.steps + 1,
    tokens: parsed.kind === 'train' ? parsed.training.vocabularySize : 0,
    targets: parsed.kind === 'train' ? parsed.training.vocabularySize : 0,
  };
  for (const [name, limit] of Object.entries(limits)) {
    const tensor = parsed.inputs.get(name);
    if (tensor !== undefined) requireRange(source, name, tensor, limit);
  }
}
