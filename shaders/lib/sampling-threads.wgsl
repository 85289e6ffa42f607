// What the threads of a workgroup find together among logits. Bindings are those of kernels/sample-token.
//! join lib/sampling

var<workgroup> keys: array<u32, threads>;
var<workgroup> indices: array<u32, threads>;

struct Candidate {
  key: u32,
  index: u32,
}

// How many tokens have a key above `threshold`, or equal to it and an index below `limit`.
fn count_kept(lane: u32, threshold: u32, limit: u32) -> u32 {
  var count = 0u;
  for (var index = lane; index < arrayLength(&logits); index += threads) {
    let key = ordered(logits[index]);
    count += select(0u, 1u, key > threshold || (key == threshold && index < limit));
  }
  if (threads == 1u) { // static
    return count;
  } else {
    keys[lane] = count;
    workgroupBarrier();
    var total = 0u;
    for (var other = 0u; other < threads; other++) {
      total += keys[other];
    }
    workgroupBarrier();
    return total;
  }
}

// The largest of the threads' candidates; of equal ones the lowest index.
fn keep_largest(lane: u32, key: u32, index: u32) -> Candidate {
  if (threads == 1u) { // static
    return Candidate(key, index);
  } else {
    keys[lane] = key;
    indices[lane] = index;
    workgroupBarrier();
    var best = Candidate(keys[0], indices[0]);
    for (var other = 1u; other < threads; other++) {
      let rival = Candidate(keys[other], indices[other]);
      if (rival.key > best.key || (rival.key == best.key && rival.index < best.index)) {
        best = rival;
      }
    }
    workgroupBarrier();
    return best;
  }
}
