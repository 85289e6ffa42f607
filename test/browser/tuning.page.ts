import {
  linear,
  loadTuning,
  lstm,
  oneHot,
  requestDevice,
  sequential,
  tune,
} from '../../src/index.ts';

/** What the page found. */
export interface TuningReport {
  readonly adapter: string;
  /** Keys of the tuning kept before any was made, and the kernels measured by two calls. */
  readonly before: readonly string[] | undefined;
  readonly first: readonly string[];
  readonly second: readonly string[];
  /** Whether what is kept is what the second call returned. */
  readonly isKept: boolean;
  readonly messages: readonly string[];
}

/** What the page offers to the test that drives it. */
export interface TuningPage {
  readonly tuneTwice: () => Promise<TuningReport>;
}

async function tuneTwice(): Promise<TuningReport> {
  using device = await requestDevice({ adapter: 'software' });
  const model = sequential([oneHot(9), lstm(12), linear(9)]);
  const messages: string[] = [];
  const run = () =>
    tune({
      device,
      model,
      inputs: { input: { shape: [7, 2], dtype: 'i32' } },
      budgetMs: 100,
      onProgress: ({ message }) => messages.push(message),
    });
  const before = await loadTuning(device);
  const first = await run();
  const second = await run();
  const kept = await loadTuning(device);
  return {
    adapter: device.describe(),
    before: before && Object.keys(before.shapes),
    first: Object.keys(first.shapes),
    second: Object.keys(second.shapes),
    isKept: JSON.stringify(kept) === JSON.stringify(second),
    messages,
  };
}

Object.assign(globalThis, { tuneTwice } satisfies TuningPage);
