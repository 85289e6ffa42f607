// Sums over the lanes of a subgroup, in all of them. Needs the feature `subgroups`.
enable subgroups;

fn sum_in_subgroup(own: Sums) -> Sums {
  return Sums(subgroupAdd(own.reals), subgroupAdd(own.counts));
}
