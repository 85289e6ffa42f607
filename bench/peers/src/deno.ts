import { gatefold, gatefoldTuned } from '../../gatefold.ts';
import type { PeerLoaders } from '../../peer.ts';

/** The peers that run in Deno: those whose WebGPU code wants no page. */
export const loaders: PeerLoaders = {
  gatefold: () => Promise.resolve(gatefold),
  'gatefold-tuned': () => Promise.resolve(gatefoldTuned),
  'jax-webgpu': async () => (await import('./jax.ts')).makeJax('webgpu'),
};
