// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const dropout = {
  name: 'dropout',
  entryPoint: 'main',
  joins: ['lib/half', 'lib/random', 'lib/training-state'],
  cell: false,
  constants: {
    per_sequence: 'bool',
    steps_per_thread: 'u32',
    x_is_half: 'bool',
    y_is_half: 'bool',
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
    x: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<x_number>',
    },
    y: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<y_number>',
    },
    options: {
      group: 0,
      binding: 3,
      kind: 'uniform',
      access: 'read',
      type: 'DropoutOptions',
      struct: {
        sizeBytes: 36,
        fields: {
          first: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          end: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          stream: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          threshold: { offsetBytes: 12, sizeBytes: 4, type: 'u32' },
          scale: { offsetBytes: 16, sizeBytes: 4, type: 'f32' },
          period: { offsetBytes: 20, sizeBytes: 4, type: 'u32' },
          blocks: { offsetBytes: 24, sizeBytes: 4, type: 'u32' },
          first_block: { offsetBytes: 28, sizeBytes: 4, type: 'u32' },
          first_step: { offsetBytes: 32, sizeBytes: 4, type: 'u32' },
        },
      },
    },
  },
  source: `// Sets a random part of a tensor to zero and scales the rest: y = x·mask·scale. The mask is a function of
// seed, stream, step and index, so the backward pass runs this kernel on the gradient and stores nothing.
//
// Dispatch: 64 threads a workgroup, one per 4 neighbouring elements (one block of random words) from the one
// that holds \`first\` on. Where one mask of \`period\` elements serves all time steps, a thread draws its block
// once for steps_per_thread of them.
// Layouts: x, y [end] and more, of which [first, end) is computed. An element stays where the upper 24 bits
// of its word are at least \`threshold\`, rate·2^24. FLOPs about 200 integer operations per block that is drawn;
// bytes 8·(end - first).
//! join lib/half
//! join lib/random
//! join lib/training-state

struct DropoutOptions {
  first: u32,
  end: u32,
  stream: u32,
  threshold: u32,
  scale: f32,
  period: u32,       // elements of a mask
  blocks: u32,       // of the mask, 4 elements each
  first_block: u32,
  first_step: u32,   // first repetition of the mask, where it repeats
}

const per_sequence: bool = false; // specialize
const steps_per_thread: u32 = 8u; // specialize
const x_is_half: bool = false; // specialize
const y_is_half: bool = false; // specialize
alias x_number = f32; // f16: x_is_half
alias y_number = f32; // f16: y_is_half

@group(0) @binding(0) var<storage, read> state: TrainingState;
@group(0) @binding(1) var<storage, read> x: array<x_number>;
@group(0) @binding(2) var<storage, read_write> y: array<y_number>;
@group(0) @binding(3) var<uniform> options: DropoutOptions;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let thread = (group.y * groups.x + group.x) * 64u + lane;
  if (per_sequence) { // static
    let block = thread % options.blocks;
    let words = philox(state.seed, options.stream, state.step, block);
    let first_step = options.first_step + thread / options.blocks * steps_per_thread;
    for (var step = 0u; step < steps_per_thread; step++) {
      mask_block(words, (first_step + step) * options.period, 4u * block);
    }
  } else {
    if (thread < options.blocks) {
      let block = options.first_block + thread;
      mask_block(philox(state.seed, options.stream, state.step, block), 0u, 4u * block);
    }
  }
}

// Elements at \`origin\` + \`within\` and the three behind it, as far as they lie in the mask and in the range.
fn mask_block(words: vec4u, origin: u32, within: u32) {
  for (var word = 0u; word < 4u; word++) { // unroll
    let index = origin + within + word;
    if (within + word < options.period && index >= options.first && index < options.end) {
      var value = select(0.0, f32(x[index]) * options.scale, (words[word] >> 8u) >= options.threshold);
      if (y_is_half) { // static
        value = to_half_range(value);
      }
      y[index] = y_number(value);
    }
  }
}
`,
} as const satisfies KernelDescription;
