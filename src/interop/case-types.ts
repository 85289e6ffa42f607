import type { CaseTraining } from './case-training.ts';
import type { NamedTensor } from './safetensors.ts';

/** How far a result may be from the expected value e: atol + rtol * |e|. */
export interface CaseTolerance {
  readonly rtol: number;
  readonly atol: number;
}

/** Sizes and options of a case's recurrent layers. */
export interface RecurrenceSettings {
  readonly op: 'rnn' | 'lstm' | 'gru';
  readonly layers: number;
  readonly direction: 'forward' | 'reverse' | 'bidirectional';
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly batch: number;
  /** Time steps T of one sequence. */
  readonly steps: number;
  readonly nonlinearity: 'tanh' | 'relu';
  readonly gruReset: 'before' | 'after';
  /** Width P of the projected hidden state; 0 for none. */
  readonly projectionSize: number;
  readonly bias: boolean;
  readonly peepholes: boolean;
  readonly inputForget: boolean;
  /** Layer normalisation inside the cell. */
  readonly layerNorm: boolean;
  /** Bound on the input of every gate activation; null for none. */
  readonly clip: number | null;
  /** Names as in ONNX, in the order of the case format; null for the cell's own. */
  readonly activations: readonly string[] | null;
  readonly sequenceLens: boolean;
}

interface CaseContents extends RecurrenceSettings {
  /** The file's name without folder and ending. */
  readonly name: string;
  /** Tensors given: data, weights, initial states, output gradients. */
  readonly inputs: ReadonlyMap<string, NamedTensor>;
  /** Names of the tensors that must be produced. */
  readonly checks: readonly string[];
  /** One entry for each name in `checks`. */
  readonly tolerances: ReadonlyMap<string, CaseTolerance>;
  /** What must come out, by name; empty if the file was stripped of it. */
  readonly expected: ReadonlyMap<string, NamedTensor>;
  /** Tensors of the file, and names in `checks`, that the case format does not know. */
  readonly unknownTensors: readonly string[];
}

/** One pass forward, and backward where gradients are asked for. */
export interface OperatorCase extends CaseContents {
  readonly kind: 'operator';
}

/** A training run: embedding or one-hot, recurrent layers, linear, mean cross entropy. */
export interface TrainingCase extends CaseContents {
  readonly kind: 'train';
  readonly training: CaseTraining;
}

/** A parity case as read from its file. */
export type ParityCase = OperatorCase | TrainingCase;
