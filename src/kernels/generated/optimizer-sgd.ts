// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const optimizerSgd = {
  name: 'optimizer-sgd',
  entryPoint: 'main',
  joins: ['lib/training-state'],
  cell: false,
  constants: {
    vector_count: 'u32',
    threads: 'u32',
    turns: 'u32',
    has_momentum: 'bool',
    nesterov: 'bool',
    clips_value: 'bool',
    has_groups: 'bool',
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
    gradients: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<vec4f>',
    },
    parameters: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<vec4f>',
    },
    momentum_buffer: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<vec4f>',
    },
    group_settings: {
      group: 0,
      binding: 4,
      kind: 'storage',
      access: 'read',
      type: 'array<vec2f>',
    },
    options: {
      group: 0,
      binding: 5,
      kind: 'uniform',
      access: 'read',
      type: 'Options',
      struct: {
        sizeBytes: 16,
        fields: {
          weight_decay: { offsetBytes: 0, sizeBytes: 4, type: 'f32' },
          momentum: { offsetBytes: 4, sizeBytes: 4, type: 'f32' },
          kept: { offsetBytes: 8, sizeBytes: 4, type: 'f32' },
          clip_value: { offsetBytes: 12, sizeBytes: 4, type: 'f32' },
        },
      },
    },
  },
  source: `// Stochastic gradient descent over the flat parameter buffer, with PyTorch's meaning of momentum,
// dampening, nesterov and weight decay. Runs after finish-step, so that \`step\` counts from 1.
//
// Dispatch: each workgroup walks vectors of four floats that lie side by side, one per thread and turn.
// Layouts: parameters, gradients, momentum [4·vector_count]; momentum is unread where has_momentum is
// false. FLOPs up to 9 and bytes 12 (20 with momentum) per parameter.
// group_settings [vector_count / 16] holds weight decay and factor of the learning rate of 64 parameters each;
// it is unread where has_groups is false.
//! join lib/training-state

struct Options {
  weight_decay: f32,
  momentum: f32,
  kept: f32,           // 1 − dampening
  clip_value: f32,
}

const vector_count: u32 = 16u; // specialize
const threads: u32 = 64u; // specialize
const turns: u32 = 1u; // specialize
const has_momentum: bool = false; // specialize
const nesterov: bool = false; // specialize
const clips_value: bool = false; // specialize
const has_groups: bool = false; // specialize

@group(0) @binding(0) var<storage, read> state: TrainingState;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> momentum_buffer: array<vec4f>;
@group(0) @binding(4) var<storage, read> group_settings: array<vec2f>;
@group(0) @binding(5) var<uniform> options: Options;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (state.halted != 0u) {
    return;
  }
  let begin = group.x * turns * threads;
  let end = min(begin + turns * threads, vector_count);
  for (var index = begin + lane; index < end; index += threads) {
    var weight_decay = options.weight_decay;
    var rate = state.learning_rate;
    if (has_groups) { // static
      let settings = group_settings[index / 16u];
      weight_decay = settings.x;
      rate *= settings.y;
    }
    let value = parameters[index];
    var gradient = gradients[index] * state.gradient_scale;
    if (clips_value) {
      gradient = clamp(gradient, vec4f(-options.clip_value), vec4f(options.clip_value));
    }
    gradient += weight_decay * value;
    if (has_momentum) {
      var buffer = gradient;
      if (state.step - state.skipped_steps > 1u) {
        buffer = options.momentum * momentum_buffer[index] + options.kept * gradient;
      }
      momentum_buffer[index] = buffer;
      if (nesterov) {
        gradient += options.momentum * buffer;
      } else {
        gradient = buffer;
      }
    }
    parameters[index] = value - rate * gradient;
  }
}
`,
} as const satisfies KernelDescription;
