// log(Σ eˣ) in one pass without overflow: a pair of the largest x so far and Σ e^(x - largest).
// Source: Milakov & Gimelshein 2018, "Online normalizer calculation for softmax".

// The pair after one more x.
fn include_exponent(pair: vec2f, x: f32) -> vec2f {
  let difference = x - pair.x;
  let ratio = exp(-abs(difference));
  return select(
    vec2f(pair.x, pair.y + ratio),
    vec2f(x, pair.y * ratio + 1.0),
    difference > 0.0,
  );
}

// The pair of two sets of numbers.
fn merge_exponents(a: vec2f, b: vec2f) -> vec2f {
  let largest = max(a.x, b.x);
  return vec2f(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest));
}
