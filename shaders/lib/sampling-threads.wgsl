// What the threads of a workgroup find together among logits. Bindings are those of kernels/sample-token.
//! join lib/sampling

const digits: u32 = 16u;
const passes: u32 = 8u;

// How many logits have each digit, in each pass of two searches; zero where none has begun.
var<workgroup> digit_counts: array<atomic<u32>, 2u * passes * digits>;
var<workgroup> largest_keys: array<atomic<u32>, 2>;
var<workgroup> first_indices: array<atomic<u32>, 2>;

struct Candidate {
  key: u32,
  index: u32,
}

// A value that was searched for by its rank.
struct Ranked {
  value: u32,
  rank: u32,    // among those equal to it, from 1 on
  equal: u32,   // how many those are
}

// The rank-th largest of the keys, or, in search 1, of the inverted indices of the tokens with key `among`: their
// rank-th by index.
fn find_ranked(lane: u32, search: u32, among: u32, rank: u32) -> Ranked {
  var result = Ranked(0u, rank, 0u);
  for (var at = 0u; at < passes; at++) {
    let begin = (search * passes + at) * digits;
    let shift = 4u * (passes - 1u - at);
    for (var index = lane; index < arrayLength(&logits); index += threads) {
      let key = ordered(logits[index]);
      let value = select(key, select(0u, ~index, key == among), search == 1u);
      let digit = (value ^ result.value) >> shift;
      if (digit < digits) {
        atomicAdd(&digit_counts[begin + digit], 1u);
      }
    }
    if (threads > 1u) { // static
      workgroupBarrier();
    }
    // From the largest digit down, until there are enough.
    var digit = digits - 1u;
    result.equal = atomicLoad(&digit_counts[begin + digit]);
    while (digit > 0u && result.equal < result.rank) {
      result.rank -= result.equal;
      digit -= 1u;
      result.equal = atomicLoad(&digit_counts[begin + digit]);
    }
    result.value |= digit << shift;
  }
  return result;
}

// Makes room for the next token's searches.
fn forget_counts(lane: u32) {
  for (var i = lane; i < 2u * passes * digits; i += threads) {
    atomicStore(&digit_counts[i], 0u);
  }
}

// The largest of the threads' candidates in search 0 or 1; of equal ones the lowest index.
fn keep_largest(search: u32, key: u32, index: u32) -> Candidate {
  if (threads == 1u) { // static
    return Candidate(key, index);
  } else {
    atomicMax(&largest_keys[search], key);
    workgroupBarrier();
    let largest = atomicLoad(&largest_keys[search]);
    if (key == largest) {
      atomicMin(&first_indices[search], index);
    }
    workgroupBarrier();
    return Candidate(largest, atomicLoad(&first_indices[search]));
  }
}
