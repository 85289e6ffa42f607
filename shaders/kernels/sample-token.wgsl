// Chooses the next token of a sequence from logits: the prompt's own token while the prompt lasts, then the
// largest logit (temperature 0) or a draw from softmax(logits / temperature) over the top_k largest. The
// draw is the largest of (logit − maximum) / temperature + Gumbel noise, with counter-based random numbers.
//
// Dispatch: one workgroup. Layouts: logits [vocabulary]; tokens, the sequence, whose first
// `prompt_length` elements the host writes; next_token [1], what the embedding reads next.
// Every comparison is one of integers: floats are mapped to u32 in their order (−0 equals 0).
// Top-k: the k-th largest key bit by bit, 32 counts over the logits; of equal ones at the threshold
// the first by index stay, found in the same way. Each count costs log2(threads) + 2 barriers.
// Loads: 2·vocabulary, with top-k up to 50·vocabulary, divided among the threads.
//! join lib/sampling

struct SampleState {
  position: u32,        // where in `tokens` the next one goes; advanced by each run
  prompt_length: u32,
  seed: u32,
  stream: u32,          // of the random numbers
  top_k: u32,           // 0: all
  temperature: f32,     // 0: greedy
}

const vocabulary: u32 = 4u; // specialize
const threads: u32 = 64u; // specialize

@group(0) @binding(0) var<storage, read_write> state: SampleState;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> next_token: array<i32>;

var<workgroup> keys: array<u32, threads>;
var<workgroup> indices: array<u32, threads>;
var<workgroup> shared_state: SampleState;

// How many tokens have a key above `threshold`, or equal to it and an index below `limit`.
fn count_kept(lane: u32, threshold: u32, limit: u32) -> u32 {
  var count = 0u;
  for (var index = lane; index < vocabulary; index += threads) {
    let key = ordered(logits[index]);
    count += select(0u, 1u, key > threshold || (key == threshold && index < limit));
  }
  keys[lane] = count;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      keys[lane] += keys[lane + half];
    }
  }
  return workgroupUniformLoad(&keys[0]);
}

// The largest of the threads' candidates; of equal ones the lowest index. Left in keys[0], indices[0].
fn keep_largest(lane: u32, key: u32, index: u32) {
  keys[lane] = key;
  indices[lane] = index;
  for (var half = threads / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      let other = lane + half;
      if (keys[other] > keys[lane] || (keys[other] == keys[lane] && indices[other] < indices[lane])) {
        keys[lane] = keys[other];
        indices[lane] = indices[other];
      }
    }
  }
}

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) {
    shared_state = state;
  }
  let options = workgroupUniformLoad(&shared_state);
  var best = 0u;
  var chosen = vocabulary - 1u;
  for (var index = lane; index < vocabulary; index += threads) {
    let key = ordered(logits[index]);
    if (key > best) {
      best = key;
      chosen = index;
    }
  }
  keep_largest(lane, best, chosen);
  let largest = workgroupUniformLoad(&keys[0]);
  var token = workgroupUniformLoad(&indices[0]);
  if (options.temperature > 0.0 && options.position >= options.prompt_length) {
    token = draw(lane, options, largest);
  }
  if (lane == 0u) {
    let position = min(options.position, arrayLength(&tokens) - 1u);
    if (position < options.prompt_length) {
      token = u32(tokens[position]);
    }
    tokens[position] = i32(token);
    next_token[0] = i32(token);
    state.position = options.position + 1u;
  }
}

fn draw(lane: u32, options: SampleState, largest: u32) -> u32 {
  var threshold = 0u;
  var limit = vocabulary;
  if (options.top_k > 0u && options.top_k < vocabulary) {
    for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
      if (count_kept(lane, threshold | bit, vocabulary) >= options.top_k) {
        threshold |= bit;
      }
    }
    if (count_kept(lane, threshold, vocabulary) > options.top_k) {
      limit = 0u;
      for (var bit = 0x80000000u; bit > 0u; bit >>= 1u) {
        let candidate = limit | bit;
        if (candidate < vocabulary && count_kept(lane, threshold, candidate) <= options.top_k) {
          limit = candidate;
        }
      }
    }
  }
  let highest = value_of(largest);
  var best = 0u;
  var chosen = vocabulary - 1u;
  for (var index = lane; index < vocabulary; index += threads) {
    let key = ordered(logits[index]);
    if (key > threshold || (key == threshold && index < limit)) {
      let relative = (value_of(key) - highest) / options.temperature;
      let score = ordered(bitcast<u32>(relative + gumbel(options.seed, options.stream, options.position, index)));
      if (score > best) {
        best = score;
        chosen = index;
      }
    }
  }
  keep_largest(lane, best, chosen);
  return workgroupUniformLoad(&indices[0]);
}
