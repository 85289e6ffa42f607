import { gatefold, gatefoldTuned } from '../../gatefold.ts';
import type { DrawPlot, PeerLoaders } from '../../peer.ts';

/** All peers, each loaded when it is asked for. */
export const loaders: PeerLoaders = {
  gatefold: () => Promise.resolve(gatefold),
  'gatefold-tuned': () => Promise.resolve(gatefoldTuned),
  'jax-webgpu': async () => (await import('./jax.ts')).makeJax('webgpu'),
  'jax-wasm': async () => (await import('./jax.ts')).makeJax('wasm'),
  'tfjs-webgpu': async () => (await import('./tfjs.ts')).makeTfjs('webgpu'),
  'tfjs-webgl': async () => (await import('./tfjs.ts')).makeTfjs('webgl'),
  'tfjs-wasm': async () => (await import('./tfjs.ts')).makeTfjs('wasm'),
  'ort-webgpu': async () => (await import('./onnx-runtime.ts')).makeOnnxRuntime('webgpu'),
  'ort-wasm': async () => (await import('./onnx-runtime.ts')).makeOnnxRuntime('wasm'),
  brain: async () => (await import('./brain.ts')).brainPeer,
};

/** Loads what draws a report. */
export const loadPlot = async (): Promise<DrawPlot> => (await import('./plot.ts')).drawPlot;
