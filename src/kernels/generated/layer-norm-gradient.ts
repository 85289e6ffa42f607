// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const layerNormGradient = {
  name: 'layer-norm-gradient',
  entryPoint: 'main',
  joins: ['lib/half', 'lib/row-sums'],
  cell: false,
  constants: {
    row_threads: 'u32',
    row_count: 'u32',
    first_row: 'u32',
    width: 'u32',
    has_weight: 'bool',
    has_dx: 'bool',
    has_products: 'bool',
    x_is_half: 'bool',
    dy_is_half: 'bool',
    dx_is_half: 'bool',
  },
  bindings: {
    x: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<x_number>',
    },
    weight: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    statistics: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read',
      type: 'array<vec2f>',
    },
    dy: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read',
      type: 'array<dy_number>',
    },
    dx: {
      group: 0,
      binding: 4,
      kind: 'storage',
      access: 'read_write',
      type: 'array<dx_number>',
    },
    products: {
      group: 0,
      binding: 5,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
  },
  source: `// Gradient of layer normalisation over rows. With n = (x - mean) · inverse and g = dy · weight:
// dx = inverse · (g - mean(g) - n · mean(g · n)); products = dy · n, whose column sums are the gradient of the
// weight (that of the bias are the column sums of dy).
//
// Dispatch: 64 threads a workgroup, row_threads of them per row (a power of two), as in layer-norm: 16 barriers
// where they are 64, else none.
// Layouts: x, dy, dx, products [row_count, width]; weight [width]; statistics [row_count] of (mean, inverse).
// dx and products are written where has_dx and has_products hold. FLOPs 12 per element; bytes up to 24.
//! join lib/half
//! join lib/row-sums

const row_count: u32 = 4u; // specialize
const first_row: u32 = 0u; // specialize: of the row_count rows that are wanted
const width: u32 = 4u; // specialize
const row_threads: u32 = 1u; // specialize
const has_weight: bool = true; // specialize
const has_dx: bool = true; // specialize
const has_products: bool = true; // specialize
const x_is_half: bool = false; // specialize
const dy_is_half: bool = false; // specialize
const dx_is_half: bool = false; // specialize
alias x_number = f32; // f16: x_is_half
alias dy_number = f32; // f16: dy_is_half
alias dx_number = f32; // f16: dx_is_half

@group(0) @binding(0) var<storage, read> x: array<x_number>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2f>;
@group(0) @binding(3) var<storage, read> dy: array<dy_number>;
@group(0) @binding(4) var<storage, read_write> dx: array<dx_number>;
@group(0) @binding(5) var<storage, read_write> products: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let part = lane % row_threads;
  let wanted = (group.y * groups.x + group.x) * (64u / row_threads) + lane / row_threads;
  let row = first_row + min(wanted, row_count - 1u);
  let begin = row * width;
  let mean = statistics[row].x;
  let inverse = statistics[row].y;
  var sum = 0.0;
  var sum_of_products = 0.0;
  for (var column = part; column < width; column += row_threads) {
    let gradient = weigh(f32(dy[begin + column]), column);
    sum += gradient;
    sum_of_products += gradient * (f32(x[begin + column]) - mean) * inverse;
  }
  let mean_gradient = sum_over_row(lane, sum) / f32(width);
  let mean_product = sum_over_row(lane, sum_of_products) / f32(width);
  if (wanted < row_count) {
    for (var column = part; column < width; column += row_threads) {
      let at = begin + column;
      let normal = (f32(x[at]) - mean) * inverse;
      let gradient = f32(dy[at]);
      if (has_products) { // static
        products[at] = gradient * normal;
      }
      if (has_dx) { // static
        var value = inverse * (weigh(gradient, column) - mean_gradient - normal * mean_product);
        if (dx_is_half) { // static
          value = to_half_range(value);
        }
        dx[at] = dx_number(value);
      }
    }
  }
}

fn weigh(gradient: f32, column: u32) -> f32 {
  if (has_weight) { // static
    return gradient * weight[column];
  } else {
    return gradient;
  }
}
`,
} as const satisfies KernelDescription;
