// RMSprop over the flat parameter buffer, with PyTorch's meaning of momentum and centered.
// Runs after finish-step. Source: Tieleman & Hinton 2012, lecture 6.5; Graves 2013 (centered).
//
// Dispatch: each workgroup walks vectors of four floats that lie side by side, one per thread and turn.
// Layouts: parameters, gradients, square, average, momentum [4·vector_count]; average and momentum are
// unread where centered and has_momentum are false. FLOPs up to 16, bytes 20 to 36 per parameter.
// group_settings [vector_count / 16] holds weight decay and factor of the learning rate of 64 parameters each;
// it is unread where has_groups is false.
//! join lib/training-state

struct Options {
  weight_decay: f32,
  epsilon: f32,
  clip_value: f32,
  momentum: f32,
  alpha: f32,
  gain: f32,           // 1 − alpha
}

const vector_count: u32 = 16u; // specialize
const threads: u32 = 64u; // specialize
const turns: u32 = 1u; // specialize
const centered: bool = false; // specialize
const has_momentum: bool = false; // specialize
const clips_value: bool = false; // specialize
const has_groups: bool = false; // specialize

@group(0) @binding(0) var<storage, read> state: TrainingState;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> square: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> average: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> momentum_buffer: array<vec4f>;
@group(0) @binding(6) var<storage, read> group_settings: array<vec2f>;
@group(0) @binding(7) var<uniform> options: Options;

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
    let new_square = options.alpha * square[index] + options.gain * gradient * gradient;
    square[index] = new_square;
    var spread = new_square;
    if (centered) {
      let new_average = average[index] + options.gain * (gradient - average[index]);
      average[index] = new_average;
      spread = max(spread - new_average * new_average, vec4f());
    }
    var change = gradient / (sqrt(spread) + options.epsilon);
    if (has_momentum) {
      change += options.momentum * momentum_buffer[index];
      momentum_buffer[index] = change;
    }
    parameters[index] = value - rate * change;
  }
}
