import type { Lowering, View } from '../graph/operator.ts';

/** A binding for a kernel input that this launch does not read. */
export function unusedInput(lowering: Lowering): View {
  return lowering.constant('zeros', new Uint8Array(256));
}

/** A binding for a kernel output that this launch does not write. */
export function unusedOutput(lowering: Lowering, name: string): View {
  return lowering.scratch(`unused ${name}`, 256);
}
