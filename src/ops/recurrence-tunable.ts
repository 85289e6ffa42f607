import type { PlanLimits, Walk } from '../graph/operator.ts';
import type { Tunable } from '../graph/tunable.ts';
import { apartShape, findApartObstacle } from './recurrence-apart.ts';
import { findHoldObstacle, listHeldShapes } from './recurrence-hold.ts';
import {
  flopsOfWalk,
  type RecurrenceDirection,
  sumsPerUnit,
  workgroupBytes,
} from './recurrence-memory.ts';
import type { RecurrenceAttributes, RecurrenceShape } from './recurrence-shape.ts';

/** A recurrence as far as its shape depends on it. */
export interface RecurrenceSubject {
  readonly attributes: RecurrenceAttributes;
  readonly direction: RecurrenceDirection;
  /** The strategy that was asked for; undefined where it is to be chosen, too. */
  readonly requested: Walk | undefined;
}

/** The choice of a recurrence's shape. */
export interface RecurrenceTunable extends Tunable<RecurrenceShape> {
  readonly kernel: 'recurrence-forward' | 'recurrence-backward';
  readonly subject: RecurrenceSubject;
}

/** Most sums of a thread: more would not stay in registers, and take seconds to build. */
const MOST_SUMS = 256;

/** The built-in shapes of strategies. */
export interface RecurrenceRules {
  applyRule(strategy: Walk): RecurrenceShape;
  /** Of kernels that multiply by themselves. */
  applyFusedRule(strategy: Walk): RecurrenceShape;
}

/** What may be measured in place of the built-in shape of a recurrence. */
export function tuneRecurrence(
  limits: PlanLimits,
  subject: RecurrenceSubject,
  builtIn: RecurrenceShape,
  { applyRule, applyFusedRule }: RecurrenceRules,
): RecurrenceTunable {
  const { attributes, direction, requested } = subject;
  const { cell, steps, batch, hiddenSize } = attributes;
  const keep = (shapes: readonly RecurrenceShape[]) =>
    shapes.filter((shape) => isSensible(attributes, shape) && !refuse(limits, subject, shape));
  const sizes = `t=${steps} b=${batch} h=${hiddenSize}`;
  const kernel = `recurrence-${direction}` as const;
  return {
    key: `${kernel} ${cell.shader} ${sizes}${requested ? ` ${requested}` : ''}`,
    kernel,
    subject,
    flops: flopsOfWalk(attributes),
    builtIn,
    refuse: (shape) => refuse(limits, subject, shape),
    seeds() {
      const { stages, spreads, strategy, slices, lanes, heldQuads, productsApart } = builtIn;
      const other = strategy === 'persistent' ? 'stepwise' : 'persistent';
      return keep([
        ...(requested ? [] : [applyRule(other)]),
        productsApart ? applyFusedRule(strategy) : apartShape(limits, attributes),
        ...(heldQuads > 0 ? [applyRule(strategy)] : []),
        ...listHeldShapes(limits, attributes),
        { ...builtIn, stages: !stages, spreads: false },
        { ...builtIn, stages: false, spreads: !spreads },
        ...(slices === 1 && lanes >= 16 ? [{ ...builtIn, slices: 4 }] : []),
      ]);
    },
    neighbours: (shape) => keep(listNeighbours(shape)),
  };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function refuse(
  limits: PlanLimits,
  { attributes, direction, requested }: RecurrenceSubject,
  shape: RecurrenceShape,
): string | undefined {
  const { strategy, rows, units, lanes, unitTile, spreads, stages, slices, heldQuads } = shape;
  const { productsApart } = shape;
  const { hiddenSize, batch } = attributes;
  if (strategy !== 'persistent' && strategy !== 'stepwise') {
    return "strategy is 'persistent' or 'stepwise'";
  }
  if (requested && strategy !== requested) return `the strategy '${requested}' is asked for`;
  const most = Math.floor(MOST_SUMS / sumsPerUnit(attributes, direction));
  if (![rows, units, lanes, unitTile, slices].every(isCount) || rows * units > most) {
    return `rows, units, lanes, unitTile and slices are positive integers, rows · units at most ${most}`;
  }
  const mostLanes = Math.min(
    limits.maxComputeInvocationsPerWorkgroup,
    limits.maxComputeWorkgroupSizeX,
  );
  if (lanes * slices > mostLanes) return `lanes × slices is a workgroup, at most ${mostLanes} here`;
  const expected = strategy === 'persistent' ? hiddenSize : lanes * units;
  if (unitTile !== expected) return `unitTile is ${expected} for this strategy`;
  if (spreads && (!limits.hasSubgroups || lanes % 4 !== 0 || stages)) {
    return 'spreads needs the feature subgroups and lanes in fours, and goes without stages';
  }
  if (productsApart) {
    const obstacle = findApartObstacle(attributes);
    if (obstacle !== undefined) return `productsApart: ${obstacle}`;
    if (strategy !== 'stepwise' || units > 1 || slices > 1 || spreads || stages) {
      return 'productsApart goes with stepwise and one unit per thread, without slices, spreads and stages';
    }
  }
  if (heldQuads !== 0 && !isCount(heldQuads)) return 'heldQuads is 0 or a positive integer';
  if (heldQuads > 0) {
    const obstacle = findHoldObstacle(limits, attributes, direction, shape);
    if (obstacle !== undefined) return `heldQuads: ${obstacle}`;
  }
  const bytes = workgroupBytes(attributes, direction, shape);
  if (bytes > limits.maxComputeWorkgroupStorageSize) {
    return (
      `stages and slices take ${bytes} bytes of workgroup memory, there are ` +
      `${limits.maxComputeWorkgroupStorageSize}`
    );
  }
  if (Math.ceil(batch / rows) > limits.maxComputeWorkgroupsPerDimension) {
    return `batch ${batch} makes more than ${limits.maxComputeWorkgroupsPerDimension} workgroups`;
  }
  return undefined;
}

/** Whether a tile is not mostly outside of the state. */
function isSensible(
  { batch, hiddenSize }: RecurrenceAttributes,
  { rows, units, lanes }: RecurrenceShape,
): boolean {
  return (rows === 1 || rows < 2 * batch) && (units === 1 || lanes * units < 2 * hiddenSize);
}

function listNeighbours(shape: RecurrenceShape): RecurrenceShape[] {
  const { strategy, rows, units, lanes, unitTile, slices, heldQuads } = shape;
  const moved = (change: Partial<RecurrenceShape>): RecurrenceShape => {
    const next = { ...shape, ...change };
    return { ...next, unitTile: strategy === 'persistent' ? unitTile : next.lanes * next.units };
  };
  return [
    moved({ rows: rows * 2 }),
    moved({ units: units * 2 }),
    moved({ rows: Math.ceil(rows / 2) }),
    moved({ units: Math.floor(units / 2) }),
    moved({ lanes: lanes * 2 }),
    moved({ lanes: lanes / 2 }),
    ...(slices > 1 ? [moved({ slices: slices * 2 }), moved({ slices: slices / 2 })] : []),
    ...(heldQuads > 0
      ? [moved({ heldQuads: heldQuads - 1 }), moved({ heldQuads: heldQuads + 1 })]
      : []),
  ];
}
