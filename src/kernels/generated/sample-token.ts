// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const sampleToken = {
  name: 'sample-token',
  entryPoint: 'main',
  joins: ['lib/random', 'lib/sampling', 'lib/sampling-threads'],
  cell: false,
  constants: {
    threads: 'u32',
  },
  bindings: {
    state: {
      group: 0,
      binding: 0,
      kind: 'storage',
      access: 'read_write',
      type: 'SampleState',
      struct: {
        sizeBytes: 24,
        fields: {
          position: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          prompt_length: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          seed: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          stream: { offsetBytes: 12, sizeBytes: 4, type: 'u32' },
          top_k: { offsetBytes: 16, sizeBytes: 4, type: 'u32' },
          temperature: { offsetBytes: 20, sizeBytes: 4, type: 'f32' },
        },
      },
    },
    logits: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<u32>',
    },
    tokens: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<i32>',
    },
    next_token: {
      group: 0,
      binding: 3,
      kind: 'storage',
      access: 'read_write',
      type: 'array<i32>',
    },
  },
  source: `// Chooses the next token of a sequence from logits: the prompt's own token while the prompt lasts, then the
// largest logit (temperature 0) or a draw from softmax(logits / temperature) over the top_k largest. The
// draw is the largest of (logit − maximum) / temperature + Gumbel noise, with counter-based random numbers.
//
// Dispatch: one workgroup. Layouts: logits [vocabulary]; tokens, the sequence, whose first
// \`prompt_length\` elements the host writes; next_token [1], what the embedding reads next.
// Every comparison is one of integers: floats are mapped to u32 in their order (−0 equals 0).
// Top-k: the k-th largest key four bits at a time, eight counts over the logits; of equal ones at the threshold
// the first by index stay, found in the same way; a single thread counts them as it draws. A count costs one barrier,
// and none with a single thread. A thread draws for four neighbouring tokens: one block of random words has the noise
// of all four.
// Loads: 2·vocabulary, with top-k 10 and up to 18·vocabulary, divided among the threads.
//! join lib/sampling
//! join lib/sampling-threads

struct SampleState {
  position: u32,        // where in \`tokens\` the next one goes; advanced by each run
  prompt_length: u32,
  seed: u32,
  stream: u32,          // of the random numbers
  top_k: u32,           // 0: all
  temperature: f32,     // 0: greedy
}

const threads: u32 = 64u; // specialize

@group(0) @binding(0) var<storage, read_write> state: SampleState;
@group(0) @binding(1) var<storage, read> logits: array<u32>;
@group(0) @binding(2) var<storage, read_write> tokens: array<i32>;
@group(0) @binding(3) var<storage, read_write> next_token: array<i32>;

var<workgroup> shared_state: SampleState;
var<workgroup> shared_ties: u32;

@compute @workgroup_size(threads)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (threads == 1u) { // splice
    let options = state;
  } else {
    if (lane == 0u) {
      shared_state = state;
    }
    if (lane < 2u) {
      atomicStore(&largest_keys[lane], 0u);
      atomicStore(&first_indices[lane], 0xffffffffu);
    }
    let options = workgroupUniformLoad(&shared_state);
  }
  let vocabulary = arrayLength(&logits);
  var best = 0u;
  var chosen = vocabulary - 1u;
  for (var index = lane; index < vocabulary; index += threads) {
    let key = ordered(logits[index]);
    if (key > best) {
      best = key;
      chosen = index;
    }
  }
  let largest = keep_largest(0u, best, chosen);
  var token = largest.index;
  if (options.temperature > 0.0 && options.position >= options.prompt_length) {
    token = draw(lane, options, vocabulary, largest.key);
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

fn draw(lane: u32, options: SampleState, vocabulary: u32, largest: u32) -> u32 {
  var threshold = 0u;
  // Which tokens with the key of the threshold stay: those in front of an index, or for a single thread the first few.
  var limit = vocabulary;
  if (options.top_k > 0u && options.top_k < vocabulary) {
    if (threads == 1u) { // static
      let last = find_ranked(lane, 0u, 0u, options.top_k);
      threshold = last.value;
      limit = last.rank;
    } else {
      var rank = options.top_k;
      for (var search = 0u; search < 2u; search++) {
        let last = find_ranked(lane, search, threshold, rank);
        threshold = select(threshold, last.value, search == 0u);
        limit = select(~last.value + 1u, vocabulary, search == 0u);
        rank = last.rank;
        if (lane == 0u) {
          shared_ties = u32(last.equal > rank);
        }
        if (workgroupUniformLoad(&shared_ties) == 0u) {
          break;
        }
      }
    }
  }
  let highest = value_of(largest);
  var best = 0u;
  var chosen = vocabulary - 1u;
  for (var block = lane; 4u * block < vocabulary; block += threads) {
    let words = philox(options.seed, options.stream, options.position, block);
    for (var index = 4u * block; index < min(4u * block + 4u, vocabulary); index++) {
      let key = ordered(logits[index]);
      let is_last = key == threshold;
      if (key > threshold || (is_last && select(index, 0u, threads == 1u) < limit)) {
        let relative = (value_of(key) - highest) / options.temperature;
        let score = ordered(bitcast<u32>(relative + gumbel(words[index & 3u])));
        if (score > best) {
          best = score;
          chosen = index;
        }
      }
      if (threads == 1u) { // static
        limit -= min(limit, u32(is_last));
      }
    }
  }
  let drawn = keep_largest(1u, best, chosen);
  if (options.top_k > 0u) {
    forget_counts(lane);
  }
  return drawn.index;
}
`,
} as const satisfies KernelDescription;
