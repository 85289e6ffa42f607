// Activations that are exact enough for training in float32 and never overflow.

// 1 / (1 + e^-x). exp of a large argument would overflow to infinity, which WGSL may assume away.
fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}

// tanh with a relative error of a few ulp everywhere. Near zero 1 - e^-2|x| cancels, so an odd
// polynomial (the truncated series, error below 1e-8 for |x| < 0.25) takes over there.
fn tanh_stable(x: f32) -> f32 {
  let a = abs(x);
  let e = exp(-2.0 * a);
  let outer = (1.0 - e) / (1.0 + e);
  let s = x * x;
  let inner = a * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0 + s * (62.0 / 2835.0)))));
  return select(outer, inner, a < 0.25) * sign(x);
}

// log(sigmoid(x)); absolute errors of a few ulp of 1, as WGSL has no log(1 + x).
fn log_sigmoid(x: f32) -> f32 {
  return min(x, 0.0) - log(1.0 + exp(-abs(x)));
}
