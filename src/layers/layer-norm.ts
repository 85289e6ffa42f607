import { OptionError } from '../errors.ts';
import { layerNorm as normalize } from '../ops/layer-norm.ts';
import { makeLayer, type NamedLayerOptions } from './basic.ts';
import { constant } from './initializers.ts';
import { type Layer, refuseUnknown } from './layer.ts';
import { currentTrace } from './trace.ts';

/** Options of {@link layerNorm}. */
export interface LayerNormLayerOptions extends NamedLayerOptions {
  /** Added to the variance, default 1e-5. */
  readonly epsilon?: number;
  /** Whether normalised values are multiplied by a weight each, default true. */
  readonly weight?: boolean;
  /** Whether a bias is added to them, default true. */
  readonly bias?: boolean;
}

/**
 * Layer normalisation of the last axis: [..., N] → [..., N], each row with mean 0 and variance 1, then times
 * `weight` plus `bias`.
 *
 * Parameters: `weight` [N], at first 1, and `bias` [N], at first 0, as PyTorch's nn.LayerNorm.
 *
 * @throws {OptionError} unless epsilon is above 0.
 */
export function layerNorm(options: LayerNormLayerOptions = {}): Layer {
  refuseUnknown('layerNorm', options, ['name', 'epsilon', 'weight', 'bias']);
  const { epsilon, weight: hasWeight = true, bias: hasBias = true } = options;
  if (epsilon !== undefined && !(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new OptionError(`layerNorm: epsilon is ${epsilon}, expected a number > 0, such as 1e-5.`);
  }
  const layer: Layer = makeLayer({ kind: 'layerNorm', ...options }, (x) => {
    const trace = currentTrace('layerNorm');
    const name = trace.names.nameOf(layer, 'layerNorm', options.name);
    const size = x.shape.at(-1) ?? 0;
    const weight = hasWeight ? trace.parameter(`${name}.weight`, [size], constant(1)) : undefined;
    const bias = hasBias ? trace.parameter(`${name}.bias`, [size], constant(0)) : undefined;
    return normalize(x, { weight, bias, epsilon }, name);
  });
  return layer;
}
