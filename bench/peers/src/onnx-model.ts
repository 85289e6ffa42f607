import { onnx } from 'onnx-proto';
import type { LayerWeights, Weight, Weights } from '../../data.ts';
import type { Workload } from '../../workloads.ts';

const { FLOAT, INT64 } = onnx.TensorProto.DataType;

/** Names of the inputs and outputs of the models made here. */
export const names = {
  x: 'x',
  y: 'y',
  token: 'token',
  logits: 'logits',
  h: 'h',
  c: 'c',
  nextH: 'next_h',
  nextC: 'next_c',
} as const;

/** ONNX orders an LSTM's gates i, o, f, c; PyTorch i, f, g, o. */
const gateOrder = [0, 3, 1, 2];

/** An LSTM over all time steps as an ONNX file: x [T, B, I] → y [T, 1, B, H]. */
export function encodeInference(workload: Workload, { layers }: Weights): Uint8Array {
  const { steps, batch, inputSize, hiddenSize } = workload;
  const [layer] = layers as [LayerWeights];
  return encodeModel(
    'inference',
    [value(names.x, [steps, batch, inputSize])],
    [value(names.y, [steps, 1, batch, hiddenSize])],
    [lstm([names.x, 'weight', 'recurrent', 'bias'], [names.y], hiddenSize)],
    lstmWeights(layer, hiddenSize),
  );
}

/** One step of a language model: token [1] and states [1, 1, H] → logits [1, V] and states. */
export function encodeToken(
  { inputSize, hiddenSize }: Workload,
  { layers, head }: Weights,
): Uint8Array {
  if (!head) throw new Error('a language model needs a layer to logits');
  const [layer] = layers as [LayerWeights];
  const identity = Float32Array.from({ length: inputSize * inputSize }, (_, at) =>
    at % (inputSize + 1) === 0 ? 1 : 0,
  );
  const state = [1, 1, hiddenSize];
  return encodeModel(
    'token',
    [value(names.token, [1, 1], INT64), value(names.h, state), value(names.c, state)],
    [value(names.logits, [1, inputSize]), value(names.nextH, state), value(names.nextC, state)],
    [
      node('Gather', ['one_hot', names.token], ['x']),
      lstm(
        ['x', 'weight', 'recurrent', 'bias', '', names.h, names.c],
        ['y', names.nextH, names.nextC],
        hiddenSize,
      ),
      node('Reshape', [names.nextH, 'row'], ['h_row']),
      node('Gemm', ['h_row', 'head', 'head_bias'], [names.logits], [integer('transB', 1)]),
    ],
    [
      ...lstmWeights(layer, hiddenSize),
      floats('one_hot', [inputSize, inputSize], identity),
      floats('head', head.weight.shape, head.weight.values),
      floats('head_bias', head.bias.shape, head.bias.values),
      integers('row', [1, hiddenSize]),
    ],
  );
}

function encodeModel(
  name: string,
  input: onnx.IValueInfoProto[],
  output: onnx.IValueInfoProto[],
  nodes: onnx.INodeProto[],
  initializer: onnx.ITensorProto[],
): Uint8Array {
  const graph = { name, input, output, node: nodes, initializer };
  // Copied: the encoder returns a part of a larger buffer.
  return onnx.ModelProto.encode({
    irVersion: 8,
    producerName: 'gatefold-bench',
    opsetImport: [{ domain: '', version: 17 }],
    graph,
  })
    .finish()
    .slice();
}

function node(
  opType: string,
  input: string[],
  output: string[],
  attribute: onnx.IAttributeProto[] = [],
): onnx.INodeProto {
  return { opType, name: output[0] ?? opType, input, output, attribute };
}

function lstm(input: string[], output: string[], hiddenSize: number): onnx.INodeProto {
  return node('LSTM', input, output, [integer('hidden_size', hiddenSize)]);
}

function lstmWeights(layer: LayerWeights, hiddenSize: number): onnx.ITensorProto[] {
  const { ih, hh, biasIh, biasHh } = layer;
  const rows = 4 * hiddenSize;
  const bias = new Float32Array(2 * rows);
  bias.set(reorder(biasIh, hiddenSize));
  bias.set(reorder(biasHh, hiddenSize), rows);
  return [
    floats('weight', [1, rows, ih.shape[1] as number], reorder(ih, hiddenSize)),
    floats('recurrent', [1, rows, hiddenSize], reorder(hh, hiddenSize)),
    floats('bias', [1, 2 * rows], bias),
  ];
}

/** A weight's rows in ONNX's order of gates. */
function reorder({ shape, values }: Weight, hiddenSize: number): Float32Array<ArrayBuffer> {
  const size = hiddenSize * (shape[1] ?? 1);
  const result = new Float32Array(values.length);
  for (const [to, from] of gateOrder.entries()) {
    result.set(values.subarray(from * size, (from + 1) * size), to * size);
  }
  return result;
}

function value(
  name: string,
  shape: readonly number[],
  elemType: number = FLOAT,
): onnx.IValueInfoProto {
  const dim = shape.map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

function integer(name: string, i: number): onnx.IAttributeProto {
  return { name, type: onnx.AttributeProto.AttributeType.INT, i };
}

function floats(
  name: string,
  dims: readonly number[],
  values: Float32Array<ArrayBuffer>,
): onnx.ITensorProto {
  return { name, dims: [...dims], dataType: FLOAT, rawData: new Uint8Array(values.buffer) };
}

function integers(name: string, values: readonly number[]): onnx.ITensorProto {
  return { name, dims: [values.length], dataType: INT64, int64Data: [...values] };
}
