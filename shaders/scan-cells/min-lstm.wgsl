// The minimal LSTM: h' = f / (f + i) h + i / (f + i) n, f, i = sigmoid(·), n = x_n or g(x_n) (positive).
// f / (f + i) is taken as sigmoid(log f - log i): both gates may be too small for their sum.
// Source: Feng et al. 2024, arXiv 2410.01201.
//! join lib/activations
//! join lib/candidate

const positive: bool = false; // specialize

const gates: u32 = 3u;

const F: u32 = 0u;
const I: u32 = 1u;
const N: u32 = 2u;

fn scan_coefficients(x: array<f32, gates>) -> vec2f {
  let odds = log_sigmoid(x[F]) - log_sigmoid(x[I]);
  return vec2f(sigmoid(odds), sigmoid(-odds) * candidate(x[N], positive));
}

fn scan_gradient(x: array<f32, gates>, da: f32, db: f32) -> array<f32, gates> {
  let odds = log_sigmoid(x[F]) - log_sigmoid(x[I]);
  let share = sigmoid(-odds);
  let d_odds = (da - db * candidate(x[N], positive)) * sigmoid(odds) * share;
  return array<f32, gates>(
    d_odds * sigmoid(-x[F]),
    -d_odds * sigmoid(-x[I]),
    db * share * candidate_slope(x[N], positive),
  );
}
