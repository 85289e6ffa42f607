import { gatefold } from '../gatefold.ts';
import type { PeerLoaders } from '../peer.ts';

/** The bench without the packages that it compares with. */
export const loaders: PeerLoaders = { gatefold: () => Promise.resolve(gatefold) };
