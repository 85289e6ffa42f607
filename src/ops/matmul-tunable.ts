import type { PlanLimits } from '../graph/operator.ts';
import type { Tunable } from '../graph/tunable.ts';
import { isNarrow } from './grid.ts';
import type { MatmulShape, MatmulSizes } from './matmul-shape.ts';
import { bytesOf } from './matmul-wide-shape.ts';

/** A product as far as its shape depends on it. */
export interface MatmulSubject extends MatmulSizes {
  readonly transposesA: boolean;
  readonly transposesB: boolean;
  /** Whether its sum over k may be cut into parts. */
  readonly canSplit: boolean;
}

/** The choice of a product's shape. */
export interface MatmulTunable extends Tunable<MatmulShape> {
  readonly kernel: 'matmul';
  readonly subject: MatmulSubject;
}

/** Most sums of a thread: more would not stay in registers, and take seconds to build. */
const MOST_SUMS = 256;
/** Least terms in a part of a split sum. */
const LEAST_SPLIT = 64;
const STAGE_K = 16;

/** What may be measured in place of the built-in shape of a product. */
export function tuneMatmul(
  limits: PlanLimits,
  subject: MatmulSubject,
  builtIn: MatmulShape,
): MatmulTunable {
  const { m, n, k, transposesA, transposesB, canSplit } = subject;
  const form = `${transposesA ? 't' : 'n'}${transposesB ? 't' : 'n'}`;
  const keep = (shapes: readonly MatmulShape[]) =>
    shapes.filter((shape) => isSensible(subject, shape) && !refuse(limits, subject, shape));
  return {
    key: `matmul ${form} m=${m} n=${n} k=${k}${canSplit ? '' : ' whole'}`,
    kernel: 'matmul',
    subject,
    flops: 2 * m * n * k,
    builtIn,
    refuse: (shape) => refuse(limits, subject, shape),
    seeds: () => keep(listForms(limits, subject, builtIn)),
    neighbours: (shape) => keep(listNeighbours(limits, subject, shape)),
  };
}

/** A product's shape in words, for `explain()` and checkpoints. */
export function describeMatmulShape({ k }: MatmulSizes, shape: MatmulShape): string {
  const { rows, columns, lanesM, lanesN, spreads, stageK, slices, splitK } = shape;
  return (
    `${rows} × ${columns} sums per lane, ${lanesM} × ${lanesN} lanes` +
    `${spreads ? ', spread' : ''}${stageK > 0 ? `, ${stageK} terms staged` : ''}` +
    `${slices > 1 ? `, ${slices} slices of the sum` : ''}` +
    `${splitK < k ? `, ${Math.ceil(k / splitK)} parts` : ''}`
  );
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

function refuse(
  limits: PlanLimits,
  { m, n, k, canSplit }: MatmulSubject,
  shape: MatmulShape,
): string | undefined {
  const { rows, columns, lanesM, lanesN, spreads, stageK, slices, splitK } = shape;
  if (![rows, columns, lanesM, lanesN, slices].every(isCount) || rows * columns > MOST_SUMS) {
    return `rows, columns, lanesM, lanesN and slices are positive integers, rows · columns at most ${MOST_SUMS}`;
  }
  const lanes = lanesM * lanesN * slices;
  if (
    lanes > limits.maxComputeInvocationsPerWorkgroup ||
    lanesN > limits.maxComputeWorkgroupSizeX ||
    lanesM > limits.maxComputeWorkgroupSizeY ||
    slices > limits.maxComputeWorkgroupSizeZ
  ) {
    return `lanesM × lanesN × slices is a workgroup, at most ${limits.maxComputeInvocationsPerWorkgroup} here`;
  }
  if (spreads && (!limits.hasSubgroups || lanesM !== 1 || lanesN % 4 !== 0)) {
    return 'spreads needs the feature subgroups, lanesM 1 and lanesN in fours';
  }
  if (!Number.isSafeInteger(stageK) || stageK < 0 || (stageK > 0 && spreads)) {
    return 'stageK is an integer, 0 where spreads is on';
  }
  const staged = [rows, columns, (stageK * rows) / lanesN, (stageK * columns) / lanesM];
  if (stageK > 0 && !staged.every((count) => count % 4 === 0)) {
    return 'where it stages, rows, columns, and what a thread stages of A and of B come in fours';
  }
  if (slices > 1 && (stageK > 0 || spreads)) return 'slices are 1 where it stages or spreads';
  const bytes = bytesOf(shape);
  if (bytes > limits.maxComputeWorkgroupStorageSize) {
    return (
      `stages and slices take ${bytes} bytes of workgroup memory, there are ` +
      `${limits.maxComputeWorkgroupStorageSize}`
    );
  }
  const isPart = isCount(splitK) && splitK % Math.max(4, stageK) === 0;
  if (splitK !== k && !(canSplit && isPart && splitK < k)) {
    return `splitK is k = ${k}${canSplit ? ', or less in multiples of 4 and of stageK' : ' for this product'}`;
  }
  const most = limits.maxComputeWorkgroupsPerDimension;
  const grid = [n / (lanesN * columns), m / (lanesM * rows), k / splitK];
  if (grid.some((groups) => Math.ceil(groups) > most)) {
    return `the product has more than ${most} tiles along one axis`;
  }
  return undefined;
}

/** Whether a tile is not mostly outside of the product. */
function isSensible({ m, n }: MatmulSubject, shape: MatmulShape): boolean {
  const { rows, columns, lanesM, lanesN } = shape;
  return (
    (rows === 1 || rows * lanesM < 2 * m) && (columns * lanesN <= 8 || columns * lanesN < 2 * n)
  );
}

/** Plain, spread and staged forms with the built-in tile, other than the built-in form. */
function listForms(
  limits: PlanLimits,
  { k }: MatmulSubject,
  { rows, columns, lanesM, lanesN, spreads, stageK, slices, splitK }: MatmulShape,
): MatmulShape[] {
  const tile = { rows, columns, slices: 1, splitK };
  const flat = { ...tile, lanesM: 1, lanesN: lanesM * lanesN, stageK: 0 };
  const bare = { ...tile, lanesM, lanesN, spreads: false, stageK: 0 };
  const forms: MatmulShape[] = [];
  if (stageK > 0 || slices > 1) forms.push(bare);
  if (slices === 1 && !isNarrow(limits)) forms.push({ ...bare, slices: 4 });
  forms.push({ ...flat, spreads: !spreads });
  if (stageK === 0) {
    const square = { lanesM: 4, lanesN: isNarrow(limits) ? 4 : 16 };
    const parts = splitK < k ? roundSplit(splitK) : k;
    forms.push({ ...tile, ...square, splitK: parts, spreads: false, stageK: STAGE_K });
  }
  return forms;
}

function roundSplit(splitK: number): number {
  return Math.ceil(splitK / STAGE_K) * STAGE_K;
}

function listNeighbours(
  limits: PlanLimits,
  { k, canSplit }: MatmulSubject,
  shape: MatmulShape,
): MatmulShape[] {
  const { rows, columns, lanesM, lanesN, spreads, stageK, slices, splitK } = shape;
  const tiles = [
    { ...shape, rows: rows * 2 },
    { ...shape, columns: columns * 2 },
    { ...shape, rows: Math.floor(rows / 2) },
    { ...shape, columns: Math.floor(columns / 2) },
  ];
  // A narrow adapter runs few lanes at once and builds slowly: its tile is all there is to gain.
  if (isNarrow(limits)) return tiles;
  const lanes = spreads
    ? [
        { ...shape, lanesN: lanesN * 2 },
        { ...shape, lanesN: lanesN / 2 },
      ]
    : [
        { ...shape, lanesM: lanesM * 2 },
        { ...shape, lanesN: lanesN * 2 },
        { ...shape, lanesM: lanesM / 2 },
        { ...shape, lanesN: lanesN / 2 },
      ];
  const stages =
    stageK > 0
      ? [
          { ...shape, stageK: stageK * 2 },
          { ...shape, stageK: stageK / 2 },
        ]
      : [];
  const sliced =
    slices > 1
      ? [
          { ...shape, slices: slices * 2 },
          { ...shape, slices: slices / 2 },
        ]
      : [];
  const parts = Math.ceil(k / splitK);
  const splits = [parts * 2, Math.ceil(parts / 2)]
    .filter((count) => canSplit && count !== parts && k / count >= LEAST_SPLIT)
    .map((count) => ({ ...shape, splitK: count === 1 ? k : roundSplit(Math.ceil(k / count)) }));
  return [...tiles, ...lanes, ...splits, ...sliced, ...stages];
}
