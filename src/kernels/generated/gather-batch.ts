// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const gatherBatch = {
  name: 'gather-batch',
  entryPoint: 'main',
  joins: ['lib/training-state'],
  cell: false,
  constants: {
    element_count: 'u32',
    batch_count: 'u32',
    batch_stride: 'u32',
    first: 'u32',
    has_second: 'bool',
    second_first: 'u32',
    extent_1: 'u32',
    extent_2: 'u32',
    extent_3: 'u32',
    stride_0: 'u32',
    stride_1: 'u32',
    stride_2: 'u32',
    stride_3: 'u32',
  },
  bindings: {
    state: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read',
      type: 'TrainingState',
      struct: {
        sizeBytes: 32,
        fields: {
          seed: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          step: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          halted: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          gradient_scale: { offsetBytes: 12, sizeBytes: 4, type: 'f32' },
          learning_rate: { offsetBytes: 16, sizeBytes: 4, type: 'f32' },
          learning_rate_scale: { offsetBytes: 20, sizeBytes: 4, type: 'f32' },
          history_origin: { offsetBytes: 24, sizeBytes: 4, type: 'u32' },
          skipped_steps: { offsetBytes: 28, sizeBytes: 4, type: 'u32' },
        },
      },
    },
    source: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<u32>',
    },
    gathered: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<u32>',
    },
    second_gathered: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<u32>',
    },
  },
  source: `// Gathers one batch of resident data: the batch of this step, by the cursor in the training state.
//
// Dispatch: a loop over the grid, 64 threads a workgroup, one element per thread and turn.
// Layouts: source, any resident array of 32-bit elements; target [element_count] row-major over
// \`extents\` (outermost first, leading ones). Element (i0, i1, i2, i3) of batch k is
// source[k·batch_stride + i0·s0 + i1·s1 + i2·s2 + i3·s3 + first]. Floats and integers alike are moved as
// bits. A second field that differs only in where it begins comes along. FLOPs none; bytes 8·element_count a field.
//! join lib/training-state

const element_count: u32 = 4u; // specialize
const batch_count: u32 = 1u; // specialize
const batch_stride: u32 = 4u; // specialize
const first: u32 = 0u; // specialize
const has_second: bool = false; // specialize
const second_first: u32 = 0u; // specialize
const extent_1: u32 = 1u; // specialize
const extent_2: u32 = 1u; // specialize
const extent_3: u32 = 4u; // specialize
const stride_0: u32 = 4u; // specialize
const stride_1: u32 = 4u; // specialize
const stride_2: u32 = 4u; // specialize
const stride_3: u32 = 1u; // specialize

@group(0) @binding(0) var<storage, read> state: TrainingState;
@group(0) @binding(1) var<storage, read> source: array<u32>;
@group(0) @binding(2) var<storage, read_write> gathered: array<u32>;
@group(0) @binding(3) var<storage, read_write> second_gathered: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let start = state.step % batch_count * batch_stride;
  for (var index = thread.x; index < element_count; index += groups.x * 64u) {
    let i3 = index % extent_3;
    let i2 = index / extent_3 % extent_2;
    let i1 = index / (extent_3 * extent_2) % extent_1;
    let i0 = index / (extent_3 * extent_2 * extent_1);
    let at = start + i0 * stride_0 + i1 * stride_1 + i2 * stride_2 + i3 * stride_3;
    gathered[index] = source[at + first];
    if (has_second) { // static
      second_gathered[index] = source[at + second_first];
    }
  }
}
`,
} as const satisfies KernelDescription;
