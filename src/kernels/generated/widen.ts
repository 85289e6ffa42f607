// Generated from shaders/ by 'npm run generate'. Do not edit.
import type { KernelDescription } from '../description.ts';

export const widen = {
  name: 'widen',
  entryPoint: 'main',
  joins: [],
  cell: false,
  constants: {},
  bindings: {
    widening: {
      group: 0,
      binding: 0,
      kind: 'uniform',
      access: 'read',
      type: 'Widening',
      struct: {
        sizeBytes: 16,
        fields: {
          count: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          source_offset: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          target_offset: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          parts: { offsetBytes: 12, sizeBytes: 4, type: 'u32' },
        },
      },
    },
    source: {
      group: 0,
      binding: 1,
      kind: 'storage',
      access: 'read',
      type: 'array<f16>',
    },
    wide: {
      group: 0,
      binding: 2,
      kind: 'storage',
      access: 'read_write',
      type: 'array<f32>',
    },
  },
  source: `// Copies numbers out of half precision, for readers that want f32. Numbers kept in two parts, a value and what
// rounding it has left, are added up.
//
// Dispatch: one thread per number, 256 threads a workgroup, x·y workgroups.
// Layouts: source f16, the parts of a number side by side; target [count] f32; offsets in numbers of each.
// Sizes are uniforms, so that all copies of a plan share one pipeline. Bytes 2·parts + 4 per number.

enable f16;

struct Widening {
  count: u32,
  source_offset: u32,
  target_offset: u32,
  parts: u32,
}

@group(0) @binding(0) var<uniform> widening: Widening;
@group(0) @binding(1) var<storage, read> source: array<f16>;
@group(0) @binding(2) var<storage, read_write> wide: array<f32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
    @builtin(local_invocation_index) lane: u32) {
  let index = (group.y * groups.x + group.x) * 256u + lane;
  if (index >= widening.count) {
    return;
  }
  var value = 0.0;
  for (var part = 0u; part < widening.parts; part++) {
    value += f32(source[widening.source_offset + index * widening.parts + part]);
  }
  wide[widening.target_offset + index] = value;
}
`,
} as const satisfies KernelDescription;
