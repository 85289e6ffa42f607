import type { CompileOptions } from '../../src/device/compile.ts';
import type { Device } from '../../src/device/device.ts';
import type { KernelDescription } from '../../src/kernels/description.ts';
import type { Launch, Plan, PlanTensor } from '../../src/schedule/plan.ts';

/** total[i] += scale * values[i], for any number of elements. */
export const accumulateKernel: KernelDescription = {
  name: 'accumulate',
  entryPoint: 'accumulate',
  source: /* wgsl */ `
struct Settings { scale: f32, count: u32 }

@group(0) @binding(0) var<uniform> settings: Settings;
@group(0) @binding(1) var<storage, read> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(64)
fn accumulate(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < settings.count) {
    total[id.x] = total[id.x] + settings.scale * values[id.x];
  }
}
`,
  joins: [],
  cell: false,
  constants: {},
  bindings: {
    settings: { group: 0, binding: 0, kind: 'uniform', access: 'read', type: 'Settings' },
    values: { group: 0, binding: 1, kind: 'storage', access: 'read', type: 'array<f32>' },
    total: { group: 0, binding: 2, kind: 'storage', access: 'read_write', type: 'array<f32>' },
  },
};

export const testKernels = { accumulate: accumulateKernel };

/** Elements of the plan's tensors: odd, and more than one workgroup. */
export const accumulateCount = 131;

/**
 * A plan that adds `values` to the activation `inner` and `inner` to the shared buffer `total`:
 * after one run with zeros to begin with, inner = values and total = 2 · values.
 */
export function makeAccumulatePlan(changes: Partial<Plan> = {}): Plan {
  const bytes = accumulateCount * 4;
  const view = (buffer: number, size = bytes) => ({ buffer, offsetBytes: 0, bytes: size });
  const launch = (label: string, settings: number, values: number, total: number): Launch => ({
    label,
    kernel: 'accumulate',
    constants: {},
    bindings: { settings: view(settings, 8), values: view(values), total: view(total) },
    workgroups: [Math.ceil(accumulateCount / 64), 1, 1],
    cost: { flops: 2 * accumulateCount, readBytes: 2 * bytes, writtenBytes: bytes },
  });
  const tensor = (buffer: number): PlanTensor => ({
    view: view(buffer),
    shape: [accumulateCount],
    dtype: 'f32',
  });
  return {
    name: 'accumulate-twice',
    buffers: [
      { label: 'settings/one', bytes: 8, role: 'uniform', content: packSettings(1) },
      { label: 'settings/two', bytes: 8, role: 'uniform', content: packSettings(2) },
      { label: 'values', bytes, role: 'constant', content: new Uint8Array(bytes) },
      { label: 'inner', bytes, role: 'activation' },
      { label: 'total', bytes, role: 'shared', key: 'total' },
    ],
    prologue: [],
    launches: [launch('first/accumulate', 0, 2, 3), launch('second/accumulate', 1, 3, 4)],
    tensors: new Map([
      ['values', tensor(2)],
      ['inner', tensor(3)],
      ['total', tensor(4)],
    ]),
    decisions: [],
    neededBytes: bytes,
    ...changes,
  };
}

/** {@link makeAccumulatePlan} compiled, with a shared buffer of zeros. */
export async function compileAccumulate(
  device: Device,
  changes: Partial<Plan> = {},
  options: Partial<CompileOptions> = {},
) {
  const total = device.createBuffer({ label: 'total', bytes: accumulateCount * 4 });
  const shared = new Map([['total', total]]);
  const executable = await device.compile(makeAccumulatePlan(changes), shared, {
    kernels: testKernels,
    ...options,
  });
  const dispose = () => {
    executable.dispose();
    device.destroyBuffer(total);
  };
  return { executable, dispose };
}

function packSettings(scale: number): Uint8Array {
  const settings = new DataView(new ArrayBuffer(8));
  settings.setFloat32(0, scale, true);
  settings.setUint32(4, accumulateCount, true);
  return new Uint8Array(settings.buffer);
}
