import { gatefold } from './gatefold.ts';
import type { DrawPlot, PeerLoaders } from './peer.ts';

/** The bench without the packages that it compares with. */
export const loaders: PeerLoaders = { gatefold: () => Promise.resolve(gatefold) };

/** What draws a plot is one of those packages. */
export const loadPlot: (() => Promise<DrawPlot>) | undefined = undefined;
