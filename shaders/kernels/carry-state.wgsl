// Carries a recurrent state to the next step of stateful training: persistent ← final state.
// Runs after finish-step, so that `step` is already the next step's: where that one starts the data
// over, the state becomes zero. A skipped step carries on as any other; a halted one carries nothing:
// its initial state stays for inspection.
//
// Dispatch: a loop over the grid, 64 threads a workgroup, one element per thread and turn.
// Layouts: final_state, persistent [element_count]. FLOPs none; bytes 8·element_count.
//! join lib/training-state

const element_count: u32 = 4u; // specialize
const batch_count: u32 = 1u; // specialize
const resets: bool = true; // specialize

@group(0) @binding(0) var<storage, read> state: TrainingState;
@group(0) @binding(1) var<storage, read> final_state: array<u32>;
@group(0) @binding(2) var<storage, read_write> persistent: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u, @builtin(num_workgroups) groups: vec3u) {
  if (state.halted == training_halted) {
    return;
  }
  let starts_over = resets && state.step % batch_count == 0u;
  for (var index = thread.x; index < element_count; index += groups.x * 64u) {
    persistent[index] = select(final_state[index], 0u, starts_over);
  }
}
