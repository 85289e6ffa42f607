// Ends a step: the global gradient norm from its parts, this step's learning rate from a formula, the check
// that loss and gradients are finite, the record in the history; then the step counts as finished.
// A step that is not finite is recorded, sets `halted` and does not count; later steps do nothing.
//
// In f16 training the gradients are those of the loss times `loss_scale.factor`, divided out here. Where they are
// not finite although the loss is, the factor was too large: the step is skipped, which counts, and the factor
// halved. `growth_steps` steps without that double it. At its least it is not to blame, and training halts.
//
// Dispatch: one workgroup. Layouts: loss [1], the bits of a float; parts [part_count], unread
// where part_count is 0 (evaluation); history [capacity]; decay [32], element i is gamma^(2^i), so that
// gamma^n is a product of few exact factors. The threads add up the parts, one decides. FLOPs 2·part_count.
//! join lib/thread-sums
//! join lib/training-state

struct LearningRate {
  base: f32,
  minimum: f32,        // of the cosine
  start_factor: f32,   // of the warm-up
  period: u32,         // steps between two decays, or from the top to the bottom of the cosine; 0: constant
  warmup_steps: u32,
  clip_norm: f32,      // largest global norm; 0: no clipping
}

const part_count: u32 = 1u; // specialize
const capacity: u32 = 1u; // specialize
const is_cosine: bool = false; // specialize
const scales_loss: bool = false; // specialize
const growth_steps: u32 = 2000u; // specialize

const least_factor = 0x1p-14;
const largest_factor = 0x1p24;

@group(0) @binding(0) var<storage, read_write> state: TrainingState;
@group(0) @binding(1) var<storage, read> loss: array<u32>;
@group(0) @binding(2) var<storage, read> parts: array<Sums>;
@group(0) @binding(3) var<storage, read> decay: array<f32>;
@group(0) @binding(4) var<storage, read_write> history: array<StepRecord>;
@group(0) @binding(5) var<uniform> rule: LearningRate;
@group(0) @binding(6) var<storage, read_write> loss_scale: LossScale;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) lane: u32) {
  var own = Sums();
  for (var index = lane; index < part_count; index += threads) {
    own = join_sums(own, parts[index]);
  }
  let total = sum_over_threads(lane, own);
  if (lane == 0u && state.halted != training_halted) {
    finish(total);
  }
}

fn finish(total: Sums) {
  // sqrt(x + 2^192·y), without overflow: beside any large element the others do not count.
  var norm = select(sqrt(total.reals.x), sqrt(total.reals.y) * 0x1p96, total.reals.y > 0.0);
  var scale = 1.0;
  if (scales_loss) { // static
    scale = 1.0 / loss_scale.factor;
    norm *= scale;
  }
  let loss_bits = loss[0];
  let norm_bits = select(bitcast<u32>(norm), 0x7f800000u, total.counts.x != 0u);
  var flags = select(0u, loss_not_finite, is_not_finite(loss_bits)) |
    select(0u, gradient_not_finite, is_not_finite(norm_bits));
  if (scales_loss) { // static
    if (flags == gradient_not_finite && loss_scale.factor > least_factor) {
      flags |= step_was_skipped;
    }
  }
  let rate = learning_rate_at(state.step) * state.learning_rate_scale;
  history[(state.step - state.history_origin) % capacity] =
    StepRecord(bitcast<f32>(loss_bits), bitcast<f32>(norm_bits), rate, flags);
  state.learning_rate = rate;
  if (scales_loss) { // static
    if ((flags & step_was_skipped) != 0u) {
      loss_scale = LossScale(0.5 * loss_scale.factor, 0u);
      state.halted = update_skipped;
      state.gradient_scale = 0.0;
      state.skipped_steps += 1u;
      state.step += 1u;
      return;
    }
  }
  if (flags != 0u) {
    state.halted = training_halted;
    state.gradient_scale = 0.0;
    return;
  }
  if (scales_loss) { // static
    state.halted = 0u;
    loss_scale.good_steps += 1u;
    if (loss_scale.good_steps >= growth_steps) {
      loss_scale = LossScale(min(2.0 * loss_scale.factor, largest_factor), 0u);
    }
  }
  if (rule.clip_norm > 0.0) {
    scale *= min(1.0, rule.clip_norm / (norm + 1e-6));
  }
  state.gradient_scale = scale;
  state.step += 1u;
}

fn learning_rate_at(step: u32) -> f32 {
  if (step < rule.warmup_steps) {
    let done = f32(step) / f32(rule.warmup_steps);
    return rule.base * (rule.start_factor + (1.0 - rule.start_factor) * done);
  }
  let position = step - rule.warmup_steps;
  if (rule.period == 0u) {
    return rule.base;
  }
  if (is_cosine) {
    return rule.minimum + (rule.base - rule.minimum) * half_cosine(position % (2u * rule.period));
  }
  return rule.base * decayed(position / rule.period);
}

// gamma^count.
fn decayed(count: u32) -> f32 {
  var product = 1.0;
  var left = count;
  for (var bit = 0u; left != 0u; bit++) {
    if ((left & 1u) != 0u) {
      product *= decay[bit];
    }
    left >>= 1u;
  }
  return product;
}

// (1 + cos(pi·position / period)) / 2 = cos²(pi/2·position / period); WGSL's own cos is only good to 2^-11.
fn half_cosine(position: u32) -> f32 {
  let down = min(position, 2u * rule.period - position);
  let near = min(down, rule.period - down);
  let sine = sine_of_quarter(f32(near) / f32(rule.period));
  return select(sine * sine, 1.0 - sine * sine, down == near);
}

// sin(pi/2·x) for 0 <= x <= 1/2, by its series.
fn sine_of_quarter(x: f32) -> f32 {
  let a = 1.5707963267948966 * x;
  let s = a * a;
  return a * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))));
}
