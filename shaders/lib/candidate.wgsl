// Candidates of cells whose steps are a scan: the value itself, or g(v) = v + 0.5 for v >= 0, sigmoid(v) below,
// which is positive and has no kink at 0.
//! join lib/activations

fn candidate(v: f32, positive: bool) -> f32 {
  return select(v, select(sigmoid(v), v + 0.5, v >= 0.0), positive);
}

fn candidate_slope(v: f32, positive: bool) -> f32 {
  return select(1.0, sigmoid(v) * sigmoid(-v), positive && v < 0.0);
}
