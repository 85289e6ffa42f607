// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const optimizerAdam = {
  name: 'optimizer-adam',
  entryPoint: 'main',
  joins: ['lib/training-state'],
  cell: false,
  constants: {
    vector_count: 'u32',
    threads: 'u32',
    turns: 'u32',
    decoupled: 'bool',
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
    mean: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<vec4f>',
    },
    variance: {
      group: 0,
      binding: 4,
      kind: 'storage',
      access: 'read_write',
      type: 'array<vec4f>',
    },
    group_settings: {
      group: 0,
      binding: 5,
      kind: 'storage',
      access: 'read',
      type: 'array<vec2f>',
    },
    options: {
      group: 0,
      binding: 6,
      kind: 'uniform',
      access: 'read',
      type: 'Options',
      struct: {
        sizeBytes: 32,
        fields: {
          weight_decay: { offsetBytes: 0, sizeBytes: 4, type: 'f32' },
          epsilon: { offsetBytes: 4, sizeBytes: 4, type: 'f32' },
          clip_value: { offsetBytes: 8, sizeBytes: 4, type: 'f32' },
          mean_gain: { offsetBytes: 12, sizeBytes: 4, type: 'f32' },
          mean_log_decay: { offsetBytes: 16, sizeBytes: 4, type: 'f32' },
          variance_decay: { offsetBytes: 20, sizeBytes: 4, type: 'f32' },
          variance_gain: { offsetBytes: 24, sizeBytes: 4, type: 'f32' },
          variance_log_decay: { offsetBytes: 28, sizeBytes: 4, type: 'f32' },
        },
      },
    },
  },
  source: `// Adam and AdamW over the flat parameter buffer. Runs after finish-step, so that \`step\` counts from 1.
// Source: Kingma & Ba 2015; Loshchilov & Hutter 2019 (decoupled weight decay).
//
// Dispatch: each workgroup walks vectors of four floats that lie side by side, one per thread and turn.
// Layouts: parameters, gradients, mean, variance [4·vector_count].
// FLOPs about 14 and bytes 28 per parameter.
// group_settings [vector_count / 16] holds weight decay and factor of the learning rate of 64 parameters each;
// it is unread where has_groups is false.
//! join lib/training-state

struct Options {
  weight_decay: f32,
  epsilon: f32,
  clip_value: f32,
  mean_gain: f32,        // 1 − beta1
  mean_log_decay: f32,   // log(beta1)
  variance_decay: f32,   // beta2
  variance_gain: f32,    // 1 − beta2
  variance_log_decay: f32, // log(beta2)
}

const vector_count: u32 = 16u; // specialize
const threads: u32 = 64u; // specialize
const turns: u32 = 1u; // specialize
const decoupled: bool = false; // specialize
const clips_value: bool = false; // specialize
const has_groups: bool = false; // specialize

@group(0) @binding(0) var<storage, read> state: TrainingState;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> variance: array<vec4f>;
@group(0) @binding(5) var<storage, read> group_settings: array<vec2f>;
@group(0) @binding(6) var<uniform> options: Options;

@compute @workgroup_size(threads)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (state.halted != 0u) {
    return;
  }
  let missing = missing_weight(f32(state.step - state.skipped_steps) * vec2f(options.mean_log_decay, options.variance_log_decay));
  let base_step = state.learning_rate / missing.x;
  let correction = inverseSqrt(missing.y);
  let begin = group.x * turns * threads;
  let end = min(begin + turns * threads, vector_count);
  for (var index = begin + lane; index < end; index += threads) {
    var weight_decay = options.weight_decay;
    var rate = state.learning_rate;
    var step_size = base_step;
    if (has_groups) { // static
      let settings = group_settings[index / 16u];
      weight_decay = settings.x;
      rate *= settings.y;
      step_size *= settings.y;
    }
    var value = parameters[index];
    var gradient = gradients[index] * state.gradient_scale;
    if (clips_value) {
      gradient = clamp(gradient, vec4f(-options.clip_value), vec4f(options.clip_value));
    }
    if (decoupled) {
      value -= rate * weight_decay * value;
    } else {
      gradient += weight_decay * value;
    }
    let old_mean = mean[index];
    let new_mean = old_mean + options.mean_gain * (gradient - old_mean);
    let new_variance = options.variance_decay * variance[index] + options.variance_gain * gradient * gradient;
    mean[index] = new_mean;
    variance[index] = new_variance;
    parameters[index] = value - step_size * new_mean / (sqrt(new_variance) * correction + options.epsilon);
  }
}

// 1 − e^x for x <= 0: the bias correction 1 − beta^t with x = t·log(beta), accurate near 0 where the
// subtraction would lose its digits. The series' first left-out term is below 2^-26 of the sum.
fn missing_weight(x: vec2f) -> vec2f {
  let near = max(x, vec2f(-0.5));
  var sum = vec2f(1.0);
  for (var n = 9u; n > 1u; n--) {
    sum = 1.0 + sum * near / f32(n);
  }
  return select(-near * sum, 1.0 - exp(max(x, vec2f(-80.0))), x < vec2f(-0.5));
}
`,
} as const satisfies KernelDescription;
