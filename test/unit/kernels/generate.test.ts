import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateKernels } from '../../../scripts/generate-kernels.ts';
import { ShaderError } from '../../../src/errors.ts';
import { cellParts, kernels } from '../../../src/kernels/generated/index.ts';
import { joinKernel } from '../../../src/kernels/join.ts';
import { activations, tiledMatmul } from './fixtures.ts';

const library = { 'lib/activations.wgsl': activations.source };
const cells = {
  'cells/plain.wgsl': 'const gates = 1u;\nfn cell_step(x: f32) -> f32 { return x; }',
  'cells/scaled.wgsl':
    '//! join lib/activations\nconst slope: f32 = 1.0; // specialize\nconst gates = 2u;\nfn cell_step(x: f32) -> f32 { return relu(x) * slope; }',
};
const recurrent = `//! join cell
const count: u32 = 1u; // specialize
struct Entry { key: u32, value: vec3f, }
struct Tail { size: u32, items: array<f32>, }
@group(0) @binding(1) var<storage, read_write> data: array<f32>;
@group(0) @binding(0) var<storage> entries: array<Entry>;
@group(0) @binding(2) var<storage, read> tail: Tail;
@group(1) @binding(0) var<storage, read> fixed: array<vec4<f32>, count * 2u>;
@compute @workgroup_size(64)
fn advance() {
  for (var g = 0u; g < gates; g++) { // unroll
    data[g] = cell_step(data[g]);
  }
}
`;
const shaders = { ...library, ...cells, 'kernels/walk-on.wgsl': recurrent };

describe('the kernel generator', () => {
  it('describes a kernel with its uniforms', () => {
    const files = generateKernels({ ...library, 'kernels/tiled-matmul.wgsl': tiledMatmul });
    expect(Object.keys(files).sort()).toEqual(['index.ts', 'parts.ts', 'tiled-matmul.ts']);
    expect(files['tiled-matmul.ts']).toContain(`export const tiledMatmul = {
  name: 'tiled-matmul',
  entryPoint: 'main',
  joins: ['lib/activations'],
  cell: false,
  constants: {
    rows: 'u32',
    columns: 'u32',
    k_unroll: 'u32',
    has_activation: 'bool',
  },
  bindings: {
    sizes: {
      group: 0,
      binding: 0,
      kind: 'uniform',
      access: 'read',
      type: 'Sizes',
      struct: {
        sizeBytes: 16,
        fields: {
          m: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          n: { offsetBytes: 4, sizeBytes: 4, type: 'u32' },
          k: { offsetBytes: 8, sizeBytes: 4, type: 'u32' },
          scale: { offsetBytes: 12, sizeBytes: 4, type: 'f32' },
        },
      },
    },
    a: {`);
    expect(files['index.ts']).toContain("  'tiled-matmul': tiledMatmul,\n");
  });

  it('describes kernels with cells, without the constants of the cells', () => {
    const files = generateKernels(shaders);
    const kernel = files['walk-on.ts'] ?? '';
    expect(kernel).toContain("entryPoint: 'advance',\n  joins: [],\n  cell: 'cells',");
    expect(kernel).toContain("constants: {\n    count: 'u32',\n  },");
    const order = ['entries', 'data', 'tail', 'fixed'].map((name) =>
      kernel.indexOf(`    ${name}: {`),
    );
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(kernel).toContain("type: 'array<vec4<f32>, count * 2u>'");
    expect(kernel).toContain(`element: {
        sizeBytes: 32,
        fields: {
          key: { offsetBytes: 0, sizeBytes: 4, type: 'u32' },
          value: { offsetBytes: 16, sizeBytes: 12, type: 'vec3f' },
        },
      },`);
    expect(kernel).toContain("type: 'Tail',\n    },");
    expect(files['parts.ts']).toContain(
      "  scaled: {\n    name: 'cells/scaled',\n    source: `//! join lib/activations\n",
    );
    expect(files['parts.ts']).toContain("constants: {\n      slope: 'f32',\n    },");
  });

  it('gives equal text for equal shaders, in any order', () => {
    const reversed = Object.fromEntries(Object.entries(shaders).reverse());
    expect(generateKernels(reversed)).toEqual(generateKernels(shaders));
  });

  it('keeps backticks, backslashes and dollars of the WGSL', () => {
    const source = `// \`a\` \\n \${b}\n${tiledMatmul}`;
    const text = generateKernels({ ...library, 'kernels/k.wgsl': source })['k.ts'] ?? '';
    const literal = text.slice(text.indexOf('source: `') + 8, text.lastIndexOf('`') + 1);
    expect(new Function(`return ${literal}`)()).toBe(source);
  });

  const broken: [string, Record<string, string>, string][] = [
    [
      'a cell that lacks a function',
      { 'cells/scaled.wgsl': 'const gates = 1u;' },
      "shaders/kernels/walk-on.wgsl: kernel uses 'cell_step', which cells/plain declares and cells/scaled lacks. Add it there.",
    ],
    [
      'a layout that differs from launch to launch',
      { 'kernels/walk-on.wgsl': recurrent.replace('key: u32', 'key: array<u32, count>') },
      "shaders/kernels/walk-on.wgsl with cells/plain: layout of struct 'Entry' depends on 'count', which each launch chooses. Give it a fixed size.",
    ],
    [
      'two bindings in one place',
      { 'kernels/walk-on.wgsl': recurrent.replace('@binding(2)', '@binding(1)') },
      "shaders/kernels/walk-on.wgsl with cells/plain: 'data' and 'tail' are both at @group(0) @binding(1).",
    ],
    [
      'textures',
      { 'kernels/walk-on.wgsl': `${recurrent}@group(2) @binding(0) var image: texture_2d<f32>;` },
      "shaders/kernels/walk-on.wgsl with cells/plain: 'image' is no buffer. Kernels bind buffers only.",
    ],
    [
      'a cell that brings a binding of its own',
      {
        'cells/scaled.wgsl': `${cells['cells/scaled.wgsl']}\n@group(3) @binding(0) var<storage> more: array<f32>;`,
      },
      'shaders/kernels/walk-on.wgsl: bindings with cells/scaled differ from those with other cells.',
    ],
    [
      'two cells of one name',
      { 'scan-cells/plain.wgsl': 'const gates = 1u;' },
      'shaders/scan-cells/plain.wgsl: cells/plain has this name, too. Rename one of them.',
    ],
    [
      'a taken name',
      { 'kernels/index.wgsl': tiledMatmul },
      'shaders/kernels/index.wgsl: kernel name is taken. Rename the file.',
    ],
  ];
  it.each(broken)('refuses %s', (_name, change, message) => {
    expect(() => generateKernels({ ...shaders, ...change })).toThrow(new ShaderError(message));
  });

  it('refuses a kernel with a cell where there is none', () => {
    expect(() => generateKernels({ 'kernels/walk.wgsl': recurrent })).toThrow(
      new ShaderError(
        'shaders/kernels/walk.wgsl: kernel joins a cell, but shaders/cells has none.',
      ),
    );
  });
});

describe('the generated modules', () => {
  it('hold the shaders as they are', () => {
    const all = Object.entries<{ name: string; source: string }>(kernels);
    expect(all.length).toBeGreaterThan(0);
    for (const [name, kernel] of all) {
      expect(kernel.name).toBe(name);
      const path = new URL(`../../../shaders/kernels/${name}.wgsl`, import.meta.url);
      expect(kernel.source).toBe(readFileSync(path, 'utf8'));
    }
  });

  it('join with other constants than the defaults, and with every cell', () => {
    const constants = {
      steps: 5,
      batch: 3,
      hidden_size: 12,
      rows: 3,
      units: 2,
      lanes: 4,
      unit_tile: 12,
      spreads: true,
      stages: false,
      slices: 2,
      held_quads: 0,
      carries: false,
      gathers: true,
      y_origin: 0,
      section_size: 180,
      tracks: 1,
      is_half: true,
      state_size: 10,
      has_lengths: true,
      has_mask: true,
      has_zoneout: true,
      row_step: 48,
      unit_step: 1,
      projected_is_half: false,
      keeps_saved: false,
    };
    for (const cell of Object.values(cellParts)) {
      if (!cell.name.startsWith('cells/')) continue;
      const own = Object.fromEntries(
        Object.entries(cell.constants).map(([name, type]) => [name, type === 'bool' ? true : 1]),
      );
      const { code } = joinKernel({
        kernel: kernels['recurrence-forward'],
        cell,
        constants: { ...own, ...constants },
      });
      expect(code).toContain('const hidden_size: u32 = 12u;');
      expect(code).toMatch(/^enable f16;\n[\s\S]*history: array<f16>;/);
      expect(code).toContain('projected: array<f32>;');
      expect(code).not.toMatch(/\b(acc|v|column)\[/);
    }
  });
});
