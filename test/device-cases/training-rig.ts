import type { Device } from '../../src/device/device.ts';
import type { Executable } from '../../src/device/executable.ts';
import type { Lowering, PlanLimits } from '../../src/graph/operator.ts';
import { layOutParameters } from '../../src/schedule/parameter-layout.ts';
import { schedule } from '../../src/schedule/schedule.ts';
import { planLimits } from '../../src/training/plan-limits.ts';

/** A compiled stage with the shared buffers that it asked for. */
export interface Rig {
  readonly executable: Executable;
  /** Writes a shared buffer from its start. */
  write(key: string, data: ArrayBufferView): void;
  /** Reads a whole shared buffer. */
  read(key: string): Promise<Uint8Array<ArrayBuffer>>;
  readFloats(key: string): Promise<Float32Array>;
  dispose(): void;
}

/**
 * Compiles launches that belong to no graph, with a zeroed buffer for every shared key.
 *
 * @param changes - Plans for an adapter of other limits.
 */
export async function makeRig(
  device: Device,
  stage: (lowering: Lowering) => void,
  changes: Partial<PlanLimits> = {},
): Promise<Rig> {
  const limits = { ...planLimits(device), ...changes };
  const plan = schedule(
    { name: 'case', parameters: layOutParameters([]), outputs: new Map(), after: stage },
    { limits, strategy: new Map() },
  );
  const shared = new Map<string, GPUBuffer>();
  for (const { key, label, bytes } of plan.buffers) {
    if (key !== undefined) shared.set(key, device.createBuffer({ label: `case/${label}`, bytes }));
  }
  const executable = await device.compile(plan, shared, { poison: true });
  const bufferOf = (key: string): GPUBuffer => {
    const buffer = shared.get(key);
    if (!buffer) throw new Error(`the stage uses no shared buffer '${key}'`);
    return buffer;
  };
  const read = (key: string) => device.download(bufferOf(key), 0, bufferOf(key).size);
  return {
    executable,
    read,
    readFloats: async (key) => new Float32Array((await read(key)).buffer),
    write: (key, data) => device.upload(bufferOf(key), 0, data),
    dispose() {
      executable.dispose();
      for (const buffer of shared.values()) device.destroyBuffer(buffer);
    },
  };
}

/** Float32 values between −scale and scale, the same for equal seeds. */
export function makeNoise(length: number, seed: number, scale = 1): Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
}

/** Throws where a value is further from its reference than `bound(reference)`. */
export function assertClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: (expected: number) => number,
  what: string,
): void {
  if (got.length !== expected.length) {
    throw new Error(`${what}: got ${got.length} values, expected ${expected.length}`);
  }
  for (let index = 0; index < got.length; index++) {
    const [value, reference] = [got[index] as number, expected[index] as number];
    const ratio = Math.abs(value - reference) / bound(reference);
    if (!(ratio <= 1)) {
      throw new Error(
        `${what}[${index}]: got ${value}, expected ${reference}, ${ratio.toPrecision(3)} of the bound`,
      );
    }
  }
}
