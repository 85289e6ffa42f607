import { readdirSync, readFileSync } from 'node:fs';
import type { NamedTensor } from '../../../src/interop/safetensors.ts';
import { writeSafetensors } from '../../../src/interop/safetensors.ts';

const folder = new URL('../../fixtures/cases/', import.meta.url);

/** File names of the committed parity cases. */
export const caseFiles = readdirSync(folder).filter((file) => file.endsWith('.safetensors'));

export function readCaseFile(file: string): Uint8Array {
  return readFileSync(new URL(file, folder));
}

function filled(shape: number[], value: number): NamedTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'F32', shape, data: new Float32Array(length).fill(value) };
}

/** A small LSTM case with T 2, B 3, I 4, H 5 and its tensors, to be bent by a test. */
export function makeCase() {
  const metadata: Record<string, unknown> = {
    op: 'lstm',
    layers: 1,
    direction: 'forward',
    input_size: 4,
    hidden_size: 5,
    batch: 3,
    time: 2,
    nonlinearity: 'tanh',
    gru_reset: 'after',
    proj_size: 0,
    bias: true,
    peepholes: false,
    input_forget: false,
    clip: null,
    activations: null,
    sequence_lens: false,
    rtol: 1e-4,
    atol: 1e-6,
    checks: ['y', 'grad.x'],
    tol: { y: { atol: 1e-3 } },
  };
  const tensors = new Map([
    ['x', filled([2, 3, 4], 0.5)],
    ['weight_ih_l0', filled([20, 4], 0.1)],
    ['weight_hh_l0', filled([20, 5], 0.1)],
    ['bias_ih_l0', filled([20], 0.1)],
    ['bias_hh_l0', filled([20], 0.1)],
    ['c_0', filled([1, 3, 5], 0.1)],
    ['y', filled([2, 3, 5], 0.2)],
    ['grad.x', filled([2, 3, 4], 0.3)],
  ]);
  const write = () => writeSafetensors(tensors, { case: JSON.stringify(metadata) });
  return { metadata, tensors, write };
}
