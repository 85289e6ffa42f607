/** A file of peers/src where the peers' packages are installed, else gatefold-only.ts; see vite-peers.ts. */
declare module 'virtual:gatefold-bench-peers' {
  export const loaders: import('./peer.ts').PeerLoaders;
  export const loadPlot: (() => Promise<import('./peer.ts').DrawPlot>) | undefined;
}
