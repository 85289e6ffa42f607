// A recurrence's track, which one of those that share a dispatch a workgroup walks, and its way through time. The
// kernel declares `span` and `given`.
//! join lib/recurrence

// A track's parts of the span, which the kernel declares.
struct Track {
  walk: vec4u,
  source: vec4u,
  place: vec4u,
  runs_reverse: bool,
}

fn track_of(index: u32) -> Track {
  var walk = span.walk_0;
  var source = span.source_0;
  var place = span.place_0;
  if (tracks > 1u) { // static
    walk = of_track(index, walk, span.walk_1, span.walk_2, span.walk_3);
    source = of_track(index, source, span.source_1, span.source_2, span.source_3);
    place = of_track(index, place, span.place_1, span.place_2, span.place_3);
  }
  return Track(walk, source, place, walk.w == 1u);
}

// What a track has of four; chosen without an index, for which a compiler would copy the uniform.
fn of_track(track: u32, first: vec4u, second: vec4u, third: vec4u, fourth: vec4u) -> vec4u {
  return select(select(first, second, track == 1u), select(third, fourth, track == 3u), track > 1u);
}

// Steps of the longest of a workgroup's rows: behind the end of all rows there is nothing to multiply.
fn longest_of(track: Track, first_row: u32) -> u32 {
  if (has_lengths) { // static
    var longest = 0u;
    for (var r = 0u; r < rows; r++) {
      longest = max(longest, bitcast<u32>(given[track.place.w + min(first_row + r, batch - 1u)]));
    }
    return longest;
  } else {
    return steps;
  }
}

// Time of a position in processing order.
fn time_of(position: u32, runs_reverse: bool) -> u32 {
  return select(position, steps - 1u - position, runs_reverse);
}

// Where the state after processing `position` steps lies in a section.
fn slot(position: u32, runs_reverse: bool) -> u32 {
  return select(y_origin + position * row_size - row_size, (steps - position) * row_size, runs_reverse);
}
