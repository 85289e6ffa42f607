// What a cell sees: one time step of one unit of one batch row. The mirror of src/cells/cell.ts.
// `gates`, `states` and `saved_values` are constants of the joined cell; arrays have a spare element
// where a cell saves nothing, because WGSL has no empty arrays.

struct CellStep {
  x: array<f32, gates>,                // W_ih·x + b_ih
  u: array<f32, gates>,                // W_hh·v + b_hh of this phase's gates
  state: array<f32, states>,           // before the step
  saved: array<f32, saved_values + 1u>, // kept for backward
  next: array<f32, states>,            // after the step; set in the last phase
  vector: f32,                         // what the next phase multiplies
  parameters: array<f32, parameters + 1u>, // the unit's own trained values
}

struct CellGradient {
  saved: array<f32, saved_values + 1u>,
  state: array<f32, states>,
  next: array<f32, states>,
  d_next: array<f32, states>,          // gradient of the state after the step (last phase)
  d_vector: f32,                       // gradient of this phase's vector (other phases)
  dx: array<f32, gates>,               // gradient of W_ih·x + b_ih
  du: array<f32, gates>,               // gradient of W_hh·v + b_hh
  d_state: array<f32, states>,         // gradient of the state before, without the part through W_hh
  parameters: array<f32, parameters + 1u>,
  d_parameters: array<f32, parameters + 1u>,
}

// The step behind the end of a sequence: the state stays, nothing is saved.
fn hold_state(given: CellStep) -> CellStep {
  var step: CellStep;
  step.state = given.state;
  step.next = given.state;
  return step;
}

// Its gradient: that of the state goes through, the gates get none.
fn hold_gradient(given: CellGradient, is_last_phase: bool) -> CellGradient {
  var gradient: CellGradient;
  gradient.d_state = given.d_state;
  if (is_last_phase) {
    gradient.d_state = given.d_next;
  }
  return gradient;
}
