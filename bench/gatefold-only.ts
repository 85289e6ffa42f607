import { gatefold, gatefoldTuned } from './gatefold.ts';
import type { DrawPlot, PeerLoaders } from './peer.ts';

/** The bench without the packages that it compares with. */
export const loaders: PeerLoaders = {
  gatefold: () => Promise.resolve(gatefold),
  'gatefold-tuned': () => Promise.resolve(gatefoldTuned),
};

/** What draws a plot is one of those packages. */
export const loadPlot: (() => Promise<DrawPlot>) | undefined = undefined;
