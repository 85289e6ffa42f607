import {
  adam,
  dropout,
  embedding,
  linear,
  lstm,
  readSafetensors,
  sequential,
  type TrainerOptions,
  textStream,
  writeSafetensors,
} from '../../../src/index.ts';

const text = 'so much depends upon a red wheel barrow glazed with rain water ';

/** A tiny language model with everything that a checkpoint has to keep. */
export function tinyLanguageModel(hidden = 3): Omit<TrainerOptions, 'device'> {
  const data = textStream(text, { batch: 2, steps: 3, heldOut: 0.3 });
  const size = data.vocabulary?.size as number;
  return {
    data,
    model: sequential([embedding(size, 2), lstm(hidden), dropout(0.25), linear(size)]),
    optimizer: adam({ learningRate: 0.05 }),
    stateful: true,
    seed: 3,
  };
}

/** A checkpoint with its metadata changed. */
export function editHeader(
  bytes: Uint8Array,
  edit: (header: Record<string, unknown>) => void,
): Uint8Array {
  const { tensors, metadata } = readSafetensors(bytes);
  const header = JSON.parse(metadata.gatefold as string) as Record<string, unknown>;
  edit(header);
  return writeSafetensors([...tensors], { ...metadata, gatefold: JSON.stringify(header) });
}

/** A checkpoint with one value of one tensor changed. */
export function editWeight(bytes: Uint8Array, name: string, at: number, value: number): Uint8Array {
  const { tensors, metadata } = readSafetensors(bytes);
  const tensor = tensors.get(name);
  if (!tensor) throw new Error(`there is no tensor '${name}', only ${[...tensors.keys()]}`);
  tensor.data[at] = value;
  return writeSafetensors([...tensors], metadata);
}
