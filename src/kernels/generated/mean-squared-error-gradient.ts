// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const meanSquaredErrorGradient = {
  name: 'mean-squared-error-gradient',
  entryPoint: 'main',
  joins: ['lib/half'],
  cell: false,
  constants: {
    count: 'u32',
    factor: 'f32',
    output_is_half: 'bool',
  },
  bindings: {
    prediction: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    expected: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    d_loss: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read',
      type: 'array<f32>',
    },
    output: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<output_number>',
    },
  },
  source: `// Gradient of the mean squared error with respect to the prediction: factor·d_loss·(prediction - expected),
// where factor is 2 / count.
//
// Dispatch: one thread per element, 256 threads a workgroup, x·y workgroups.
// Layouts: prediction, expected, output [count]; d_loss [1]. FLOPs 3·count; bytes 12·count.
//! join lib/half

const count: u32 = 4u; // specialize
const factor: f32 = 0.5; // specialize
const output_is_half: bool = false; // specialize
alias output_number = f32; // f16: output_is_half

@group(0) @binding(0) var<storage, read> prediction: array<f32>;
@group(0) @binding(1) var<storage, read> expected: array<f32>;
@group(0) @binding(2) var<storage, read> d_loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<output_number>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 256u + lane;
  if (index < count) {
    var gradient = factor * d_loss[0] * (prediction[index] - expected[index]);
    if (output_is_half) { // static
      gradient = to_half_range(gradient);
    }
    output[index] = output_number(gradient);
  }
}
`,
} as const satisfies KernelDescription;
