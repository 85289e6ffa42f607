import type { Lowering, PlanLimits, View } from '../graph/operator.ts';
import { matmul } from '../kernels/generated/matmul.ts';
import { defineLaunch } from '../kernels/launch.ts';

/** A matrix in memory: where it begins and how far apart its rows are, both in floats. */
export interface MatrixView {
  readonly view: View;
  readonly offset?: number;
  readonly stride: number;
}

/** One product C [m, n] = A·B (+ bias), A given as [m, k], or as [k, m] with `transposesA`. */
export interface MatmulRequest {
  readonly label: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: MatrixView;
  readonly transposesA?: boolean;
  readonly b: MatrixView;
  readonly c: MatrixView;
  readonly bias?: View;
  /** [m] receives the sums of A's columns; only with `transposesA`. */
  readonly columnSums?: { readonly view: View; readonly offset?: number };
}

/** Register tile and workgroup shape of a product. */
interface MatmulShape {
  readonly rows: number;
  readonly columns: number;
  readonly lanesM: number;
  readonly lanesN: number;
}

/**
 * How many terms of a sum to write out: 4, 2 or 1, whichever divides its length. A narrow (software) adapter
 * gains nothing beyond 2 and takes longer to build the pipeline.
 */
export function unrollFactor(limits: PlanLimits, extent: number): 1 | 2 | 4 {
  if (extent % 2 !== 0) return 1;
  return extent % 4 === 0 && limits.laneWidth > 4 ? 4 : 2;
}

/**
 * Picks the tile of a product from its size and the adapter's width.
 *
 * A narrow (software) adapter pays per load, so it gets large tiles on four lanes; a GPU needs many lanes
 * in flight, so it gets 64 lanes and tiles that leave registers for occupancy.
 */
export function chooseMatmulShape(limits: PlanLimits, m: number, n: number): MatmulShape {
  if (limits.laneWidth <= 4) {
    const columns = Math.min(8, Math.ceil(n / 4));
    return { rows: Math.min(16, m), columns, lanesM: 1, lanesN: 4 };
  }
  const lanesN = n >= 16 ? 16 : 8;
  const columns = Math.min(4, Math.ceil(n / lanesN));
  const lanesM = 64 / lanesN;
  return { rows: Math.min(8, Math.ceil(m / lanesM)), columns, lanesM, lanesN };
}

/** A binding for a kernel input that this launch does not read. */
export function unusedInput(lowering: Lowering): View {
  return lowering.constant('zeros', new Uint8Array(256));
}

/** A binding for a kernel output that this launch does not write. */
export function unusedOutput(lowering: Lowering, name: string): View {
  return lowering.scratch(`unused ${name}`, 256);
}

/** Emits the launch of a matrix product. */
export function launchMatmul(lowering: Lowering, request: MatmulRequest): void {
  const { m, n, k, a, b, c, bias, columnSums } = request;
  const shape = chooseMatmulShape(lowering.limits, m, n);
  lowering.launch(
    defineLaunch(matmul, {
      label: request.label,
      constants: {
        m,
        n,
        k,
        transposes_a: request.transposesA ?? false,
        a_offset: a.offset ?? 0,
        a_stride: a.stride,
        b_offset: b.offset ?? 0,
        b_stride: b.stride,
        c_offset: c.offset ?? 0,
        c_stride: c.stride,
        rows: shape.rows,
        columns: shape.columns,
        lanes_m: shape.lanesM,
        lanes_n: shape.lanesN,
        k_unroll: unrollFactor(lowering.limits, k),
        has_bias: bias !== undefined,
        sums_columns: columnSums !== undefined,
        sums_offset: columnSums?.offset ?? 0,
      },
      bindings: {
        a: a.view,
        b: b.view,
        bias: bias ?? unusedInput(lowering),
        c: c.view,
        column_sums: columnSums?.view ?? unusedOutput(lowering, 'column sums'),
      },
      workgroups: [
        Math.ceil(n / (shape.lanesN * shape.columns)),
        Math.ceil(m / (shape.lanesM * shape.rows)),
        1,
      ],
      cost: {
        flops: 2 * m * n * k,
        readBytes: 4 * (m * k + k * n + (bias ? n : 0)),
        writtenBytes: 4 * (m * n + (columnSums ? m : 0)),
      },
    }),
  );
}
