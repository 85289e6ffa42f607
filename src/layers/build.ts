import { cells } from '../cells/registry.ts';
import { FileFormatError } from '../errors.ts';
import { dropout, embedding, lastStep, linear, oneHot, relu, sigmoid, tanh } from './basic.ts';
import type { Layer, LayerConfig } from './layer.ts';
import { layerNorm } from './layer-norm.ts';
import { type Model, sequential } from './model.ts';
import { recurrent } from './recurrent.ts';
import { recurrentCell } from './recurrent-cell.ts';

type Builder = (config: LayerConfig) => Layer;

/** Numbers and options of a config are checked by the layer functions themselves. */
const builders: Readonly<Record<string, Builder>> = {
  embedding: ({ kind: _, vocabularySize, size, ...options }) =>
    embedding(vocabularySize as number, size as number, options),
  oneHot: ({ vocabularySize }) => oneHot(vocabularySize as number),
  linear: ({ kind: _, outputSize, ...options }) => linear(outputSize as number, options),
  layerNorm: ({ kind: _, ...options }) => layerNorm(options),
  dropout: ({ kind: _, rate, ...options }) => dropout(rate as number, options),
  tanh,
  sigmoid,
  relu,
  lastStep,
  ...Object.fromEntries(
    (Object.keys(cells) as (keyof typeof cells)[]).flatMap((cell): [string, Builder][] => [
      [
        cell,
        ({ kind: _, hiddenSize, ...options }) => recurrent(cell, hiddenSize as number, options),
      ],
      [
        `${cell}Cell`,
        ({ kind: _, hiddenSize, ...options }) => recurrentCell(cell, hiddenSize as number, options),
      ],
    ]),
  ),
};

/**
 * A sequential model from its layers as plain data: the inverse of `model.config`.
 *
 * @throws {FileFormatError} for a layer of unknown kind.
 * @throws {OptionError} for options that a layer does not take.
 */
export function buildModel(config: readonly LayerConfig[]): Model {
  return sequential(
    config.map((layer) => {
      const build = Object.hasOwn(builders, layer.kind) ? builders[layer.kind] : undefined;
      if (build) return build(layer);
      throw new FileFormatError(
        `model: layer kind '${layer.kind}' is unknown, expected one of ` +
          `${Object.keys(builders).join(', ')}. Was the file written by a newer version?`,
      );
    }),
  );
}
