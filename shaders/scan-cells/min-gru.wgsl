// The minimal GRU: h' = (1 - z) h + z n, z = sigmoid(x_z), n = x_n or g(x_n) (positive).
// Source: Feng et al. 2024, arXiv 2410.01201.
//! join lib/activations
//! join lib/candidate

const positive: bool = false; // specialize

const gates: u32 = 2u;

const Z: u32 = 0u;
const N: u32 = 1u;

fn scan_coefficients(x: array<f32, gates>) -> vec2f {
  return vec2f(sigmoid(-x[Z]), sigmoid(x[Z]) * candidate(x[N], positive));
}

fn scan_gradient(x: array<f32, gates>, da: f32, db: f32) -> array<f32, gates> {
  let z = sigmoid(x[Z]);
  return array<f32, gates>(
    (db * candidate(x[N], positive) - da) * z * sigmoid(-x[Z]),
    db * z * candidate_slope(x[N], positive),
  );
}
