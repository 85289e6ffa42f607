import { OptionError, ShapeError } from '../errors.ts';
import { state } from '../graph/sources.ts';
import type { SymbolicTensor, TensorType } from '../graph/tensor.ts';
import type { Model, NamedTensors, TracedModel } from '../layers/model.ts';
import type { TraceMode } from '../layers/trace.ts';
import { differentiate } from '../ops/differentiate.ts';
import { meanSquaredError } from '../ops/mean-squared-error.ts';
import { softmaxCrossEntropy } from '../ops/softmax-cross-entropy.ts';
import { layOutParameters, type ParameterLayout } from '../schedule/parameter-layout.ts';
import { checkTokens } from './check-tokens.ts';
import type { DataSource } from './data.ts';
import { lossScaleName } from './loss-scale.ts';

/** A loss written with operators: the model's outputs and all inputs of the batch to a scalar. */
export type LossFunction = (outputs: NamedTensors, inputs: NamedTensors) => SymbolicTensor;

/** The losses that have a name: both compare `output` with the batch's `target`. */
export type LossName = 'cross-entropy' | 'mean-squared-error';

/** A model with its loss for batches of one shape. */
export interface LossGraph {
  readonly traced: TracedModel;
  readonly loss: SymbolicTensor;
  readonly layout: ParameterLayout;
}

/** A {@link LossGraph} with the gradient of every parameter that the loss depends on. */
export interface TrainingGraph extends LossGraph {
  readonly gradients: ReadonlyMap<string, SymbolicTensor>;
}

const namedLosses: Readonly<Record<LossName, LossFunction>> = {
  'cross-entropy': ({ output }, { target }) =>
    softmaxCrossEntropy(output as SymbolicTensor, target as SymbolicTensor),
  'mean-squared-error': ({ output }, { target }) =>
    meanSquaredError(output as SymbolicTensor, target as SymbolicTensor),
};

/** @throws {OptionError} for a name that is no loss. */
export function resolveLoss(loss: LossName | LossFunction): LossFunction {
  if (typeof loss === 'function') return loss;
  const known = namedLosses[loss];
  if (known) return known;
  throw new OptionError(
    `loss is ${JSON.stringify(loss)}, expected ${Object.keys(namedLosses).join(', ')} or a function of ` +
      'outputs and inputs.',
  );
}

/** Element types and shapes of a data source's fields, by name. */
export function inputTypes(data: DataSource): Record<string, TensorType> {
  return Object.fromEntries(data.fields.map(({ name, shape, dtype }) => [name, { shape, dtype }]));
}

/** The flat layout of a traced model's parameters. */
export function layoutOf(traced: TracedModel): ParameterLayout {
  return layOutParameters([...traced.parameters.values()].map(({ parameter }) => parameter));
}

/** Final states of all recurrences whose state is carried. */
export function finalStates({ traced }: { readonly traced: TracedModel }): SymbolicTensor[] {
  return [...traced.states.values()].flatMap(({ final }) => final ?? []);
}

/**
 * Traces a model with its loss.
 *
 * @throws {ShapeError} if the loss is not a scalar.
 * @throws {VocabularyError} if the data has a token that the model or the loss does not know.
 */
export function buildLossGraph(
  model: Model,
  data: DataSource,
  loss: LossFunction,
  mode: TraceMode,
  carriesState: boolean,
): LossGraph {
  const traced = model.trace(inputTypes(data), { mode, carriesState });
  const value = loss(traced.outputs, traced.inputs);
  if (value.size !== 1) {
    throw new ShapeError(
      `loss '${value.label}' has shape [${value.shape.join(', ')}], expected a scalar. ` +
        'Reduce it with mean() or sum().',
    );
  }
  checkTokens('data', [value], (name) => data.fields.find((field) => field.name === name)?.array);
  return { traced, loss: value, layout: layoutOf(traced) };
}

/**
 * Traces a model for training and differentiates its loss with respect to every parameter.
 *
 * @param scalesLoss - whether gradients are those of the loss times the state {@link lossScaleName}.
 */
export function buildTrainingGraph(
  model: Model,
  data: DataSource,
  loss: LossFunction,
  carriesState: boolean,
  scalesLoss = false,
): TrainingGraph {
  const graph = buildLossGraph(model, data, loss, 'training', carriesState);
  const parameters = [...graph.traced.parameters];
  const results = differentiate(
    graph.loss,
    parameters.map(([, { tensor }]) => tensor),
    scalesLoss ? state(lossScaleName, graph.loss.shape) : undefined,
  );
  const gradients = new Map<string, SymbolicTensor>();
  for (const [index, [name]] of parameters.entries()) {
    const gradient = results[index];
    if (gradient) gradients.set(name, gradient);
  }
  if (gradients.size === 0) {
    throw new OptionError('the loss depends on no parameter, expected at least one to train.');
  }
  return { ...graph, gradients };
}
