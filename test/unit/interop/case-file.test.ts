import { describe, expect, it } from 'vitest';
import { FileFormatError } from '../../../src/errors.ts';
import { parseParityCase } from '../../../src/interop/case-file.ts';
import { explainUnsupported } from '../../../src/interop/case-options.ts';
import { writeSafetensors } from '../../../src/interop/safetensors.ts';
import { makeCase } from './case-fixtures.ts';

const parse = (bytes: Uint8Array) => parseParityCase(bytes, 'folder/name.safetensors');

describe('parseParityCase', () => {
  it('reads settings, inputs, expected tensors and tolerances', () => {
    const parsed = parse(makeCase().write());
    expect(parsed).toMatchObject({
      kind: 'operator',
      name: 'name',
      op: 'lstm',
      steps: 2,
      batch: 3,
      inputSize: 4,
      hiddenSize: 5,
      projectionSize: 0,
      clip: null,
      activations: null,
      unknownTensors: [],
    });
    expect([...parsed.inputs.keys()].sort()).toEqual(
      ['bias_hh_l0', 'bias_ih_l0', 'c_0', 'weight_hh_l0', 'weight_ih_l0', 'x'].sort(),
    );
    expect([...parsed.expected.keys()].sort()).toEqual(['grad.x', 'y']);
    expect([...parsed.tolerances]).toEqual([
      ['y', { rtol: 1e-4, atol: 1e-3 }],
      ['grad.x', { rtol: 1e-4, atol: 1e-6 }],
    ]);
  });

  it('reads a case stripped of its expected tensors', () => {
    const made = makeCase();
    made.tensors.delete('y');
    made.tensors.delete('grad.x');
    const parsed = parse(made.write());
    expect(parsed.expected.size).toBe(0);
    expect(parsed.checks).toEqual(['y', 'grad.x']);
  });

  it('ignores unknown metadata, and gradients that are not asked for', () => {
    const made = makeCase();
    made.metadata.colour = 'blue';
    made.metadata.checks = ['y'];
    const parsed = parse(made.write());
    expect(parsed.inputs.has('grad.x')).toBe(false);
    expect(explainUnsupported(parsed)).toBeNull();
  });

  const wrongFields: [string, unknown, RegExp][] = [
    ['op', 'mgu', /case field 'op' is "mgu", expected one of rnn, lstm, gru/],
    ['op', undefined, /case field 'op' is missing/],
    ['layers', 0, /'layers' is 0, expected an integer of at least 1/],
    ['time', 1.5, /'time' is 1.5/],
    ['batch', '3', /'batch' is "3"/],
    ['hidden_size', null, /'hidden_size' is null/],
    ['direction', 'backward', /'direction' is "backward"/],
    ['bias', 1, /'bias' is 1, expected true or false/],
    ['clip', 0, /'clip' is 0, expected a number above 0/],
    ['activations', ['tanh'], /'activations' is \["tanh"\], expected 3 names for lstm/],
    ['activations', [1, 2, 3], /expected a list of strings/],
    ['rtol', -1, /'rtol' is -1, expected a number of at least 0/],
    ['rtol', undefined, /'rtol' is missing/],
    ['checks', [], /'checks' is \[\]/],
    ['checks', ['y', 'y'], /none of them twice/],
    ['checks', 'y', /expected a list of strings/],
    ['tol', { y: { atol: 'x' } }, /'tol.y.atol' is "x"/],
    ['kind', 'sample', /'kind' is "sample"/],
    ['kind', 'train', /'train' is missing, expected an object/],
  ];

  it.each(wrongFields)('refuses the field %s = %j', (field, value, message) => {
    const made = makeCase();
    made.metadata[field] = value;
    expect(() => parse(made.write())).toThrow(message);
    expect(() => parse(made.write())).toThrow(FileFormatError);
  });

  it('requires a choice of reset from a GRU only', () => {
    const made = makeCase();
    made.metadata.gru_reset = null;
    expect(parse(made.write()).gruReset).toBe('after');
    made.metadata.op = 'gru';
    expect(() => parse(made.write())).toThrow(/'gru_reset' is null, expected one of before, after/);
  });

  it('refuses inputs that are missing or do not fit the metadata', () => {
    const made = makeCase();
    const bias = made.tensors.get('bias_hh_l0');
    made.tensors.delete('bias_hh_l0');
    expect(() => parse(made.write())).toThrow(/tensor 'bias_hh_l0' is missing/);
    if (bias) made.tensors.set('bias_hh_l0', { ...bias, shape: [4, 5] });
    expect(() => parse(made.write())).toThrow(
      "tensor 'bias_hh_l0' is F32 [4, 5], the case's sizes ask for F32 [20].",
    );
    if (bias) made.tensors.set('bias_hh_l0', bias);
    made.tensors.set('grad_y', { dtype: 'F64', shape: [1], data: new Float64Array(1) });
    expect(() => parse(made.write())).toThrow(/tensor 'grad_y' is F64 \[1\]/);
  });

  it('refuses sequence lengths beyond T', () => {
    const made = makeCase();
    made.metadata.sequence_lens = true;
    expect(() => parse(made.write())).toThrow(/tensor 'sequence_lens' is missing/);
    const set = (...lengths: number[]) =>
      made.tensors.set('sequence_lens', {
        dtype: 'I32',
        shape: [3],
        data: Int32Array.from(lengths),
      });
    set(0, 1, 3);
    expect(() => parse(made.write())).toThrow(
      "'sequence_lens' holds 3 at element 2, expected 0 to 2",
    );
    set(0, 1, 2);
    expect(parse(made.write()).sequenceLens).toBe(true);
  });

  it('refuses a file that lacks only some of its expected tensors', () => {
    const made = makeCase();
    made.tensors.delete('y');
    expect(() => parse(made.write())).toThrow(/'checks' names tensor 'y', which the file lacks/);
  });

  it('refuses a file without or with broken metadata', () => {
    const { tensors } = makeCase();
    expect(() => parse(writeSafetensors(tensors))).toThrow(/metadata has no 'case'/);
    expect(() => parse(writeSafetensors(tensors, { case: '{' }))).toThrow(/'case' is not JSON/);
    expect(() => parse(writeSafetensors(tensors, { case: '[]' }))).toThrow(/expected an object/);
  });
});

describe('explainUnsupported', () => {
  it('names tensors that the format does not know', () => {
    const made = makeCase();
    made.tensors.set('attention', { dtype: 'F32', shape: [1], data: new Float32Array(1) });
    made.metadata.checks = ['y', 'grad.x', 'grad.attention'];
    made.tensors.set('grad.attention', { dtype: 'F32', shape: [1], data: new Float32Array(1) });
    expect(explainUnsupported(parse(made.write()))).toBe(
      'not known: tensors attention grad.attention',
    );
  });
});
