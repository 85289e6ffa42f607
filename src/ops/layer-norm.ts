import { OptionError, ShapeError } from '../errors.ts';
import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, Operator, Values } from '../graph/operator.ts';
import {
  applyOperator,
  applyUnary,
  formatShape,
  type GraphNode,
  type SymbolicTensor,
  type TensorType,
} from '../graph/tensor.ts';
import { layerNorm as layerNormKernel } from '../kernels/generated/layer-norm.ts';
import { layerNormGradient as layerNormGradientKernel } from '../kernels/generated/layer-norm-gradient.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { mapRows } from './grid.ts';
import type { RowRange } from './linear.ts';
import { requireFloats } from './pointwise.ts';
import { sumLeading } from './reduce.ts';
import { requireRows } from './softmax.ts';
import { unusedInput, unusedOutput } from './unused.ts';

/** Options of {@link layerNorm}. */
export interface LayerNormOptions {
  /** [N], what each normalised element is multiplied with; 1 if absent. */
  readonly weight?: SymbolicTensor | undefined;
  /** [N], what is added then; 0 if absent. */
  readonly bias?: SymbolicTensor | undefined;
  /** Added to the variance, default 1e-5. */
  readonly epsilon?: number | undefined;
}

/** What a layer norm is, beside its inputs. */
export interface LayerNormAttributes {
  readonly epsilon: number;
  readonly hasWeight: boolean;
  readonly hasBias: boolean;
}

/** Rows and columns of a tensor of rows. */
function measureRows({ shape, size }: SymbolicTensor): { rows: number; width: number } {
  const width = shape.at(-1) as number;
  return { rows: size / width, width };
}

/** Mean and 1/√(variance + ε) of a row. */
function describeRow(row: Float64Array, epsilon: number): [mean: number, inverse: number] {
  const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
  const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length;
  return [mean, 1 / Math.sqrt(variance + epsilon)];
}

/** Inputs: x, weight and bias as far as there are. Outputs: y, and (mean, 1/deviation) of each row for backward. */
export const layerNormOperator: Operator<LayerNormAttributes> = {
  name: 'layer-norm',
  readsHalf: (input) => input === 0,
  infer([x, ...affine], { hasWeight, hasBias }, label) {
    const { shape } = requireRows(x, label);
    const width = shape.at(-1) as number;
    const names = [...(hasWeight ? ['weight'] : []), ...(hasBias ? ['bias'] : [])];
    for (const [index, name] of names.entries()) {
      const type = requireFloats(affine[index], label, name);
      if (type.shape.length === 1 && type.shape[0] === width) continue;
      throw new ShapeError(
        `${label}: ${name} is ${formatShape(type.shape)}, expected [${width}], one per element of the last ` +
          `axis of ${formatShape(shape)}.`,
      );
    }
    return [
      { shape, dtype: 'f32' },
      { shape: [...shape.slice(0, -1), 2], dtype: 'f32' },
    ];
  },
  differentiate(node, [dy], needed) {
    if (!dy) return [];
    const { attributes, label } = node;
    const [x, ...affine] = node.inputs as [SymbolicTensor, ...SymbolicTensor[]];
    const weight = attributes.hasWeight ? affine[0] : undefined;
    const bias = affine[weight ? 1 : 0];
    const inputs = [x, node.outputs[1] as SymbolicTensor, dy];
    if (weight) inputs.push(weight);
    const [dx, products] = applyOperator(
      layerNormGradient,
      inputs,
      attributes,
      `${label}.gradient`,
    ) as [SymbolicTensor, SymbolicTensor];
    const gradients: (SymbolicTensor | undefined)[] = [dx];
    if (weight) {
      const isNeeded = needed[gradients.length];
      gradients.push(
        isNeeded ? sumLeading(products, weight.shape, 1, `${label}.d_weight`) : undefined,
      );
    }
    if (bias) gradients.push(sumLeading(dy, bias.shape, 1, `${label}.d_bias`));
    return gradients;
  },
  evaluate([x, ...affine], { epsilon, hasWeight, hasBias }, _context, node) {
    const { rows, width } = measureRows(node.inputs[0] as SymbolicTensor);
    const weight = hasWeight ? (affine[0] as Values) : undefined;
    const bias = hasBias ? (affine[hasWeight ? 1 : 0] as Values) : undefined;
    const y = Float64Array.from(x as Values);
    const statistics = new Float64Array(2 * rows);
    for (let row = 0; row < rows; row++) {
      const values = y.subarray(row * width, (row + 1) * width);
      const [mean, inverse] = describeRow(values, epsilon);
      statistics.set([mean, inverse], 2 * row);
      for (const [column, value] of values.entries()) {
        values[column] = (value - mean) * inverse * (weight?.[column] ?? 1) + (bias?.[column] ?? 0);
      }
    }
    return [y, statistics];
  },
  lower(node, lowering) {
    const { rows } = measureRows(node.inputs[0] as SymbolicTensor);
    launchLayerNorm(lowering, node, { label: node.label, first: 0, count: rows });
  },
};

/** Emits the launch that normalises some rows. */
export function launchLayerNorm(
  lowering: Lowering,
  node: GraphNode<LayerNormAttributes>,
  { label, first, count: rows }: RowRange,
): void {
  const { epsilon, hasWeight, hasBias } = node.attributes;
  const [x, ...affine] = node.inputs as [SymbolicTensor, ...SymbolicTensor[]];
  const [y, statistics] = node.outputs as [SymbolicTensor, SymbolicTensor];
  const { width } = measureRows(x);
  const count = rows * width;
  const { rowThreads, workgroups } = mapRows(lowering.limits, rows, width);
  const [from, to] = [lowering.stored(x), lowering.storedOutput(y)];
  const [weight, bias] = [
    hasWeight ? affine[0] : undefined,
    hasBias ? affine[hasWeight ? 1 : 0] : undefined,
  ];
  const keeps = lowering.isUsed(statistics);
  lowering.launch(
    defineLaunch(layerNormKernel, {
      label,
      constants: {
        row_count: rows,
        first_row: first,
        width,
        row_threads: rowThreads,
        epsilon,
        has_weight: hasWeight,
        has_bias: hasBias,
        keeps_statistics: keeps,
        x_is_half: from.isHalf ?? false,
        y_is_half: to.isHalf ?? false,
      },
      bindings: {
        x: from,
        weight: weight ? lowering.view(weight) : unusedInput(lowering),
        bias: bias ? lowering.view(bias) : unusedInput(lowering),
        y: to,
        statistics: keeps ? lowering.output(statistics) : unusedOutput(lowering, 'statistics'),
      },
      workgroups,
      cost: {
        flops: 8 * count,
        readBytes: 3 * numberBytes(from) * count,
        writtenBytes: numberBytes(to) * count,
      },
    }),
  );
}

/** Inputs: x, statistics, dy, weight if there is one. Outputs: dx, and dy times what the weight multiplies. */
export const layerNormGradient: Operator<LayerNormAttributes> = {
  name: 'layer-norm-gradient',
  readsHalf: (input) => input === 0 || input === 2,
  infer: ([x]) => [x as TensorType, x as TensorType],
  evaluate([x, statistics, dy, weight], _attributes, _context, node) {
    const { rows, width } = measureRows(node.inputs[0] as SymbolicTensor);
    const [values, gradients] = [x as Values, dy as Values];
    const dx = new Float64Array(values.length);
    const products = new Float64Array(values.length);
    for (let row = 0; row < rows; row++) {
      const [mean, inverse] = (statistics as Values).subarray(2 * row, 2 * row + 2);
      const columns = Array.from({ length: width }, (_, column) => {
        const [value, gradient] = [values[row * width + column], gradients[row * width + column]];
        const normal = ((value as number) - (mean as number)) * (inverse as number);
        return {
          normal,
          gradient: gradient as number,
          g: (gradient as number) * (weight?.[column] ?? 1),
        };
      });
      const meanG = columns.reduce((sum, { g }) => sum + g, 0) / width;
      const meanProduct = columns.reduce((sum, { g, normal }) => sum + g * normal, 0) / width;
      for (const [column, { normal, gradient, g }] of columns.entries()) {
        const at = row * width + column;
        dx[at] = (inverse as number) * (g - meanG - normal * meanProduct);
        products[at] = gradient * normal;
      }
    }
    return [dx, products];
  },
  lower(node, lowering) {
    const { rows } = measureRows(node.inputs[0] as SymbolicTensor);
    launchLayerNormGradient(lowering, node, { label: node.label, first: 0, count: rows });
  },
};

/** Emits the launch that computes the gradient of some rows. */
export function launchLayerNormGradient(
  lowering: Lowering,
  node: GraphNode,
  { label, first, count: rows }: RowRange,
): void {
  const [x, statistics, dy, weight] = node.inputs as [
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor,
    SymbolicTensor?,
  ];
  const [dx, products] = node.outputs as [SymbolicTensor, SymbolicTensor];
  const { width } = measureRows(x);
  const count = rows * width;
  const { rowThreads, workgroups } = mapRows(lowering.limits, rows, width);
  const [hasDx, hasProducts] = [lowering.isUsed(dx), lowering.isUsed(products)];
  const [from, dFrom] = [lowering.stored(x), lowering.stored(dy)];
  const to = hasDx ? lowering.storedOutput(dx) : unusedOutput(lowering, 'dx');
  lowering.launch(
    defineLaunch(layerNormGradientKernel, {
      label,
      constants: {
        row_count: rows,
        first_row: first,
        width,
        row_threads: rowThreads,
        has_weight: weight !== undefined,
        has_dx: hasDx,
        has_products: hasProducts,
        x_is_half: from.isHalf ?? false,
        dy_is_half: dFrom.isHalf ?? false,
        dx_is_half: to.isHalf ?? false,
      },
      bindings: {
        x: from,
        weight: weight ? lowering.view(weight) : unusedInput(lowering),
        statistics: lowering.view(statistics),
        dy: dFrom,
        dx: to,
        products: hasProducts ? lowering.output(products) : unusedOutput(lowering, 'products'),
      },
      workgroups,
      cost: {
        flops: 12 * count,
        readBytes: 2 * (numberBytes(from) + numberBytes(dFrom)) * count,
        writtenBytes: (numberBytes(to) + (hasProducts ? 4 : 0)) * count,
      },
    }),
  );
}

/**
 * Layer normalisation of the last axis, as PyTorch's: (x − mean)/√(variance + ε)·weight + bias, mean and variance
 * (divided by N) over the N elements of a row.
 *
 * @param x - [..., N].
 * @returns [..., N].
 * @throws {ShapeError} if weight or bias is not [N].
 * @throws {OptionError} if epsilon is not above 0.
 * @see Ba, Kiros & Hinton 2016, "Layer normalization".
 */
export function layerNorm(
  x: SymbolicTensor,
  { weight, bias, epsilon = 1e-5 }: LayerNormOptions = {},
  label = 'layer-norm',
): SymbolicTensor {
  if (!(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new OptionError(
      `${label}: epsilon is ${epsilon}, expected a number > 0: a row of equal elements has variance 0.`,
    );
  }
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  const attributes = { epsilon, hasWeight: weight !== undefined, hasBias: bias !== undefined };
  return applyUnary(layerNormOperator, inputs, attributes, label);
}
