// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const oneHot = {
  name: 'one-hot',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {
    row_count: 'u32',
    width: 'u32',
  },
  bindings: {
    indices: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'array<i32>',
    },
    output: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
  },
  source: `// Tokens as rows with a single 1. Only for one-hot tensors that something other than a matmul reads.
//
// Dispatch: one thread per value, 64 threads a workgroup. Layouts: indices [row_count]; output
// [row_count, width]. A token outside [0, width) gives a row of zeros.

const row_count: u32 = 4u; // specialize
const width: u32 = 8u; // specialize

@group(0) @binding(0) var<storage, read> indices: array<i32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= row_count * width) {
    return;
  }
  output[index] = select(0.0, 1.0, indices[index / width] == i32(index % width));
}
`,
} as const satisfies KernelDescription;
