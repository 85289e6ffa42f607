/** peers/src/index.ts where the peers' packages are installed, else page/gatefold-only.ts. */
declare module 'virtual:gatefold-bench-peers' {
  export const loaders: import('../peer.ts').PeerLoaders;
}
