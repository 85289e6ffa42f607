import { describeEstimates, estimatePlan } from './estimate.ts';
import type { Launch, Plan, PlanBuffer } from './plan.ts';

/** Sums over a plan's launches: the work of one repetition. */
export interface PlanTotals {
  readonly dispatches: number;
  readonly flops: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  /** GPU memory of buffers that the plan owns. */
  readonly ownedBytes: number;
  /** GPU memory of buffers that it shares with other plans. */
  readonly sharedBytes: number;
  /** GPU memory of activations: the part of `ownedBytes` that is reused within a repetition. */
  readonly activationBytes: number;
  /** Most bytes of activations alive at one launch; `activationBytes` over this is the peak's ratio. */
  readonly neededBytes: number;
}

/** Counts dispatches, work and memory of a plan. */
export function measurePlan(plan: Plan): PlanTotals {
  const add = (pick: (launch: Launch) => number): number =>
    plan.launches.reduce((sum, launch) => sum + pick(launch), 0);
  const memory = (belongs: (role: PlanBuffer['role']) => boolean): number =>
    plan.buffers.reduce((sum, { role, bytes }) => sum + (belongs(role) ? bytes : 0), 0);
  return {
    dispatches: plan.resident ? 1 : plan.launches.length,
    flops: add(({ cost }) => cost.flops),
    readBytes: add(({ cost }) => cost.readBytes),
    writtenBytes: add(({ cost }) => cost.writtenBytes),
    ownedBytes: memory((role) => role !== 'shared'),
    sharedBytes: memory((role) => role === 'shared'),
    activationBytes: memory((role) => role === 'activation') - constantBytes(plan),
    neededBytes: plan.neededBytes,
  };
}

/** Bytes of constants that lie among activations. */
function constantBytes({ buffers }: Plan): number {
  const contents = buffers.flatMap((buffer) => buffer.contents ?? []);
  return contents.reduce((sum, { bytes }) => sum + bytes, 0);
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** Three digits and a prefix, e.g. `8.39M`: a billion is G, as B stands for bytes. */
const quantity = { format: (value: number): string => compact.format(value).replace('B', 'G') };

/**
 * A plan in words: a line per launch with its kernel, workgroups, FLOPs and bytes (as the algorithm needs
 * them), then totals, memory beside what is needed at once, estimates for some GPUs, and each choice with
 * its reason. Dispatches that differ only in their time steps are one line, where the first of them is.
 */
export function explainPlan(plan: Plan): string {
  const lines = [`plan '${plan.name}'`];
  for (const { label, launch, count, flops, bytes } of groupLaunches(plan.launches)) {
    const times = count > 1 ? ` × ${count}` : '';
    lines.push(
      `  ${label}: ${launch.kernel}${launch.cell ? ` + ${launch.cell}` : ''}${times}, ` +
        `${launch.workgroups.join('×')} workgroups, ${quantity.format(flops)}FLOP, ` +
        `${quantity.format(bytes)}B`,
    );
  }
  const totals = measurePlan(plan);
  lines.push(
    `  total: ${totals.dispatches} dispatches, ${quantity.format(totals.flops)}FLOP, ` +
      `${quantity.format(totals.readBytes + totals.writtenBytes)}B moved`,
    `  memory: ${quantity.format(totals.ownedBytes)}B of its own, ` +
      `${quantity.format(totals.sharedBytes)}B shared, ${describePeak(totals)}`,
    ...describeEstimates(estimatePlan(plan)),
  );
  for (const { node, choice, reason } of plan.decisions) {
    lines.push(`  ${node}: ${choice}; ${reason}`);
  }
  return lines.join('\n');
}

/** What activations take, beside the most that is alive at one launch. */
function describePeak({ activationBytes, neededBytes }: PlanTotals): string {
  const ratio = neededBytes > 0 ? activationBytes / neededBytes : 1;
  return (
    `activations ${quantity.format(activationBytes)}B, peak need ${quantity.format(neededBytes)}B ` +
    `(ratio ${ratio.toFixed(2)})`
  );
}

/** Launches of one label and kernel, with the sums of their work. */
interface LaunchGroup {
  readonly label: string;
  readonly launch: Launch;
  count: number;
  flops: number;
  bytes: number;
}

function groupLaunches(launches: readonly Launch[]): LaunchGroup[] {
  const groups: LaunchGroup[] = [];
  for (const launch of launches) {
    const label = launch.label.replace(/#\d+$/, '');
    // Those of stacked layers take turns with what lies between the layers.
    let group = groups.find(
      (other) => other.label === label && other.launch.kernel === launch.kernel,
    );
    if (!group) {
      group = { label, launch, count: 0, flops: 0, bytes: 0 };
      groups.push(group);
    }
    group.count += 1;
    group.flops += launch.cost.flops;
    group.bytes += launch.cost.readBytes + launch.cost.writtenBytes;
  }
  return groups;
}
