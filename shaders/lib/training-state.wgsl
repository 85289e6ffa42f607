// What a training step knows beside its tensors. One buffer, advanced by the GPU itself, so that many
// steps go into one submit; the host writes it when training starts or resumes, and only
// learning_rate_scale in between. Packed and read by src/training/step-state.ts.
struct TrainingState {
  seed: u32,                // seed of the counter-based random numbers
  step: u32,                // training steps finished; random counter and data cursor
  halted: u32,              // training_halted, or update_skipped until the next step has ended
  gradient_scale: f32,      // factor of this step's gradients: clipping by global norm
  learning_rate: f32,       // of this step
  learning_rate_scale: f32, // written by the host: reduce-on-plateau
  history_origin: u32,      // step whose record lies in slot 0 of the history
  skipped_steps: u32,       // finished steps that changed nothing: their scaled gradients left the range of f16
}

// `halted` where a loss or gradient was not finite: nothing is updated any more.
const training_halted: u32 = 1u;
// `halted` where only this step updates nothing.
const update_skipped: u32 = 2u;

// Scaling of the loss's gradient in f16 training. Packed and read by src/training/loss-scale.ts.
struct LossScale {
  factor: f32,              // a power of two
  good_steps: u32,          // since the last overflow or doubling
}

// One step in the history, a ring of `capacity` records.
struct StepRecord {
  loss: f32,                // before the update
  gradient_norm: f32,       // of all gradients, before clipping; 0 where no gradient was reduced
  learning_rate: f32,
  flags: u32,               // 0, or a sum of loss_not_finite, gradient_not_finite and step_was_skipped
}

const loss_not_finite: u32 = 1u;
const gradient_not_finite: u32 = 2u;
const step_was_skipped: u32 = 4u;

// Whether the bits of a float are those of a NaN or an infinity. Asked of bits, because compilers may
// assume that floats are neither.
fn is_not_finite(bits: u32) -> bool {
  return (bits & 0x7f800000u) == 0x7f800000u;
}
