import { numberBytes } from '../graph/numbers.ts';
import type { Lowering, PlanLimits, View } from '../graph/operator.ts';
import { matmul } from '../kernels/generated/matmul.ts';
import {
  defineLaunch,
  type KernelConstants,
  type LaunchAlternative,
  type TypedLaunch,
} from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { defineColumnSums, launchColumnSums } from './column-sums.ts';
import { hasQuads } from './grid.ts';
import { chooseMatmulShape, enlargeShape, hasSumsApart, type MatmulShape } from './matmul-shape.ts';
import { describeMatmulShape, tuneMatmul } from './matmul-tunable.ts';
import { unusedInput, unusedOutput } from './unused.ts';

/** A matrix in memory: where it begins and how far apart its rows are, both in numbers. */
export interface MatrixView {
  readonly view: View;
  readonly offset?: number;
  readonly stride: number;
}

/** Columns of a tile, and how far apart tiles begin, in numbers. */
export interface TileView {
  readonly columns: number;
  readonly stride: number;
}

/** One product C [m, n] = op(A)·op(B) (+ bias). */
export interface MatmulRequest {
  readonly label: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** How often it runs each time the plan does; 1 where absent. */
  readonly repeats?: number;
  readonly a: MatrixView;
  /** A is stored as [k, m]. */
  readonly transposesA?: boolean;
  /** Stored in tiles of so many columns, [n / tile, k, tile], where it has some: a row of a tile is its stride. */
  readonly b: MatrixView & { readonly tile?: TileView };
  /** B is stored as [n, k]. */
  readonly transposesB?: boolean;
  readonly c: MatrixView;
  readonly bias?: View;
  /** [m] receives the sums over k of op(A)'s rows. */
  readonly columnSums?: { readonly view: View; readonly offset?: number };
}

/** Emits the launch of a matrix product; two or three where its sum over k is split. */
export function launchMatmul(lowering: Lowering, request: MatmulRequest): void {
  const { label, m, n, k, a, b, c, bias } = request;
  const { transposesA = false, transposesB = false } = request;
  const { shape, isRule } = settleShape(lowering, request);
  const { splitK } = shape;
  const sumsApart = hasSumsApart(lowering.limits, shape);
  const columnSums = sumsApart ? undefined : request.columnSums;
  const parts = Math.ceil(k / splitK);
  const split = parts > 1 ? splitTargets(lowering, request, parts) : undefined;
  lowering.launch(
    defineLaunch(matmul, {
      label: split ? `${label}.parts` : label,
      constants: {
        walks_rows: shape.stageK > 0 && transposesA,
        walks_terms: shape.stageK > 0 && transposesB,
        rows: shape.rows,
        columns: shape.columns,
        lanes_m: shape.lanesM,
        lanes_n: shape.lanesN,
        has_tail: k % Math.max(4, shape.stageK) !== 0,
        b_has_tiles: b.tile !== undefined || mayHaveTiles(lowering.limits),
        sums_columns: columnSums !== undefined,
        spreads: shape.spreads,
        stage_k: shape.stageK,
        slices: shape.slices,
        a_is_half: a.view.isHalf ?? false,
        b_is_half: b.view.isHalf ?? false,
        c_is_half: c.view.isHalf ?? false,
      },
      bindings: {
        shape: lowering.uniforms(
          `${label}.shape`,
          packStruct(matmul.bindings.shape.struct, {
            m,
            n,
            k,
            a_offset: a.offset ?? 0,
            a_row: transposesA ? 1 : a.stride,
            a_term: transposesA ? a.stride : 1,
            b_offset: b.offset ?? 0,
            b_term: transposesB ? 1 : b.stride,
            b_column: transposesB ? b.stride : 1,
            b_tile: b.tile?.columns ?? n,
            b_next_tile: b.tile?.stride ?? 0,
            c_offset: split ? 0 : (c.offset ?? 0),
            c_stride: c.stride,
            has_bias: bias ? 1 : 0,
            has_sums: columnSums ? 1 : 0,
            sums_offset: split ? 0 : (columnSums?.offset ?? 0),
            split_k: splitK,
            split_stride: split ? m * n : 0,
          }),
        ),
        a: a.view,
        b: b.view,
        bias: bias ?? unusedInput(lowering),
        c: split?.c ?? c.view,
        column_sums: split?.sums ?? columnSums?.view ?? unusedOutput(lowering, 'column sums'),
      },
      ...(shape.spreads && { accepts: listAlternatives(lowering, request, shape, isRule) }),
      workgroups: gridOf(request, shape),
      cost: {
        flops: 2 * m * n * k,
        readBytes: numberBytes(a.view) * m * k + numberBytes(b.view) * k * n + (bias ? 4 * n : 0),
        writtenBytes: parts * (numberBytes(c.view) * m * n + (columnSums ? 4 * m : 0)),
      },
    }),
  );
  if (sumsApart) for (const launch of defineSums(lowering, request)) lowering.launch(launch);
  if (!split) return;
  launchColumnSums(lowering, label, {
    view: split.c,
    rows: parts,
    columns: m * n,
    factor: 1,
    output: offsetView(c.view, c.offset ?? 0, m * n),
    second: columnSums &&
      split.sums && {
        view: split.sums,
        columns: m,
        output: offsetView(columnSums.view, columnSums.offset ?? 0, m),
      },
  });
}

/**
 * What a product accepts to share a pipeline with others of its plan: the tile of larger products, unless a tuning
 * settled its own, which explain() then tells; or sums of A that nobody reads, which cost a narrow adapter a few additions.
 */
function listAlternatives(
  lowering: Lowering,
  request: MatmulRequest,
  shape: MatmulShape,
  isRule: boolean,
): LaunchAlternative<Partial<KernelConstants<typeof matmul>>, View>[] {
  const withSums = request.columnSums ? [] : [{ constants: { sums_columns: true } }];
  const larger = isRule ? enlargeShape(request, shape) : undefined;
  if (!larger) return withSums;
  const { rows, columns } = larger;
  const constants = { rows, columns, sums_columns: false };
  const followers = () => defineSums(lowering, request);
  return [{ constants, workgroups: gridOf(request, larger), followers }, ...withSums];
}

/**
 * Whether some products of a plan may have tiles: all have one pipeline then. A division or two for each column of a
 * thread are little on a CPU, but where one workgroup runs the plan.
 */
function mayHaveTiles(limits: PlanLimits): boolean {
  return limits.residentLanes === undefined && hasQuads(limits);
}

/** The launches that add up op(A)'s rows where the product's own does not. */
function defineSums(
  lowering: Lowering,
  { label, m, k, a, transposesA = false, columnSums }: MatmulRequest,
): TypedLaunch<View>[] {
  if (!columnSums) return [];
  return defineColumnSums(lowering, `${label}.sums`, {
    view: a.view,
    offset: a.offset,
    rows: k,
    columns: m,
    steps: transposesA ? { row: a.stride, column: 1 } : { row: 1, column: a.stride },
    factor: 1,
    output: columnSums.view,
    outputOffset: columnSums.offset,
  });
}

/** Workgroups over columns, rows and parts of the sum. */
function gridOf(
  { m, n, k }: MatmulRequest,
  { rows, columns, lanesM, lanesN, splitK }: MatmulShape,
): [number, number, number] {
  return [Math.ceil(n / (lanesN * columns)), Math.ceil(m / (lanesM * rows)), Math.ceil(k / splitK)];
}

/** The tile of a product: from a tuning where there is one, else by the rule. */
function settleShape(
  lowering: Lowering,
  request: MatmulRequest,
): { shape: MatmulShape; isRule: boolean } {
  const { label, m, n, k, c, bias, columnSums, transposesA = false, transposesB = false } = request;
  const canSplit =
    c.stride === n &&
    !bias &&
    !c.view.isHalf &&
    isAligned(c.offset) &&
    isAligned(columnSums?.offset);
  const builtIn = chooseMatmulShape(lowering.limits, request, canSplit);
  const subject = { m, n, k, transposesA, transposesB, canSplit };
  const settled = lowering.settled(tuneMatmul(lowering.limits, subject, builtIn));
  if (!settled) return { shape: builtIn, isRule: true };
  const { shape, reason } = settled;
  lowering.decide(label, describeMatmulShape(request, shape), reason);
  return { shape, isRule: false };
}

/** Where the partial products of a split sum go. */
function splitTargets(lowering: Lowering, request: MatmulRequest, parts: number) {
  const { label, m, n, columnSums } = request;
  return {
    c: lowering.scratch(`${label}.parts`, 4 * parts * m * n),
    sums: columnSums && lowering.scratch(`${label}.sum parts`, 4 * parts * m),
  };
}

/** Bindings begin at multiples of 256 bytes. */
function isAligned(offsetFloats = 0): boolean {
  return offsetFloats % 64 === 0;
}

function offsetView({ storage, offsetBytes }: View, floats: number, count: number): View {
  return { storage, offsetBytes: offsetBytes + 4 * floats, bytes: 4 * count };
}
