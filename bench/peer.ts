import type { Report } from './report.ts';
import type { Workload } from './workloads.ts';

/** Everything that is compared, in the order in which it takes turns and is shown. */
export const peerNames = [
  'gatefold',
  'gatefold-tuned',
  'tfjs-webgpu',
  'tfjs-webgl',
  'tfjs-wasm',
  'jax-webgpu',
  'jax-wasm',
  'ort-webgpu',
  'ort-wasm',
  'brain',
] as const;

export type PeerName = (typeof peerNames)[number];

/** Those that Chromium runs unless told otherwise: tuning takes its own time for every workload. */
export const usualPeers = peerNames.filter((name) => name !== 'gatefold-tuned');

/** What a repetition gives: the loss of its last step before the update, y [T, B, H], or the tokens. */
export type Outcome =
  | { readonly kind: 'training'; readonly loss: number }
  | { readonly kind: 'inference'; readonly output: Float32Array }
  | { readonly kind: 'sampling'; readonly tokens: readonly number[] };

/** A workload on its way: weights and data are loaded, and training goes on from call to call. */
export interface Session {
  /**
   * Runs steps and waits for the outcome of the last.
   *
   * @param steps - how many; above 1 for `training` only.
   */
  run(steps: number): Promise<Outcome>;
  /** Rate of the library's best matrix product at this moment, in GFLOP/s: asked for between repetitions. */
  rateMatmul?(): Promise<number>;
  /** Frees what the session holds. */
  dispose(): Promise<void> | void;
}

/** A library with its device or backend ready, and what an application would have at hand: weights and data. */
export interface OpenedPeer {
  readonly version: string;
  /** What it runs on, in words. */
  readonly device: string;
  /** Makes the workload ready for its first step. Belongs to the time of the first step. */
  start(): Promise<Session>;
}

/** A library that takes part. */
export interface Peer {
  /** Why it cannot do a workload, or undefined if it can. */
  lacks(workload: Workload): string | undefined;
  /** Where it does not compute or measure quite the same as the others: sentences for footnotes. */
  readonly differences: readonly string[];
  /**
   * Whether its results are not comparable with the reference's, because the algorithm is another one. Then
   * it is only seen that the loss falls.
   */
  readonly hasOwnAlgorithm?: boolean;
  /** Loads the library, opens its device and makes weights, data and files of a workload. Not timed. */
  open(workload: Workload): Promise<OpenedPeer>;
}

/** How each peer's code is loaded; those missing are not part of a build. */
export type PeerLoaders = { readonly [name in PeerName]?: () => Promise<Peer> };

/** Draws a report as wide as asked for. */
export type DrawPlot = (report: Report, options: { readonly width: number }) => SVGSVGElement;
