/**
 * Dawn's binding for Node asks again and again whether the GPU is done, through `setImmediate`: while a
 * software adapter works, that takes as much of the processor as the work itself. Here it asks each millisecond.
 */
const { setImmediate: soon } = globalThis;
const isNative = (callback: unknown) => String(callback).endsWith('{ [native code] }');

globalThis.setImmediate = Object.assign(
  ((callback: () => void, ...given: []) =>
    isNative(callback)
      ? setTimeout(callback, 1)
      : soon(callback, ...given)) as unknown as typeof setImmediate,
  soon,
);
