import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../src/errors.ts';
import { joinKernel } from '../../../src/kernels/join.ts';
import { activations, assemble, kernelOf, tiledMatmul } from './fixtures.ts';

const main = kernelOf('  data[0] = twice(1.0);');

describe('joining parts', () => {
  it('joins parts transitively, each once, and leaves out what the entry point does not reach', () => {
    const parts = {
      'lib/a': {
        name: 'lib/a',
        source: '//! join lib/c\nfn twice(x: f32) -> f32 { return both(x, x); }',
      },
      'lib/b': { name: 'lib/b', source: '//! join lib/c\nfn idle() {}' },
      'lib/c': {
        name: 'lib/c',
        source: 'fn both(x: f32, y: f32) -> f32 { return x + y; }\nconst spare = 1;',
      },
    };
    const code = assemble(`//! join lib/a\n//! join lib/b\n${main}`, {}, { parts });
    expect(code).toBe(`fn both(x: f32, y: f32) -> f32 { return x + y; }
fn twice(x: f32) -> f32 { return both(x, x); }
@group(0) @binding(0) var<storage, read_write> data: array<f32>;
@compute @workgroup_size(1)
fn main() {
  data[0] = twice(1.0);
}
`);
  });

  it('joins parts that join each other', () => {
    const parts = {
      'lib/a': {
        name: 'lib/a',
        source: '//! join lib/b\nfn twice(x: f32) -> f32 { return add(x); }',
      },
      'lib/b': { name: 'lib/b', source: '//! join lib/a\nfn add(x: f32) -> f32 { return x + x; }' },
    };
    const code = assemble(`//! join lib/a\n${main}`, {}, { parts });
    expect(code.match(/^fn \w+/gm)).toEqual(['fn add', 'fn twice', 'fn main']);
  });

  it('keeps bindings that nothing uses, as the layout names them', () => {
    const idle =
      '@group(0) @binding(7) var<storage, read> idle: array<Pair>;\nstruct Pair { x: u32 }';
    expect(assemble(`${idle}\n${kernelOf('')}`)).toContain(idle);
  });

  it('moves directives to the top, each once', () => {
    const parts = {
      'lib/a': { name: 'lib/a', source: 'enable f16;\nfn twice(x: f32) -> f32 { return x; }' },
    };
    const code = assemble(`//! join lib/a\nenable f16;\n${main}`, {}, { parts });
    expect(code.startsWith('enable f16;\nfn twice')).toBe(true);
    expect(code.match(/enable/g)).toHaveLength(1);
  });

  it('joins the cell of the launch', () => {
    const cell = { name: 'cells/plain', source: 'fn twice(x: f32) -> f32 { return x + x; }' };
    expect(assemble(`//! join cell\n${main}`, {}, { cell })).toContain('return x + x;');
  });

  it('gives equal text for equal requests, and serves kernel descriptions', () => {
    const kernel = {
      name: 'tiled-matmul',
      entryPoint: 'main',
      source: tiledMatmul,
      joins: ['lib/activations'],
      cell: false as const,
      constants: {},
      bindings: {},
    };
    const parts = { 'lib/activations': { ...activations, constants: {} } };
    const constants = { rows: 3, columns: 2, k_unroll: 2, has_activation: true };
    const { code } = joinKernel({ kernel, constants, parts });
    expect(joinKernel({ kernel, constants, parts }).code).toBe(code);
    expect(code).toContain('fn relu');
    expect(joinKernel({ kernel, constants: { ...constants, rows: 4 }, parts }).code).not.toBe(code);
  });

  it('puts types of 32 bits in place of marked ones, or of 16 where their constant holds', () => {
    const parts = {
      'lib/a': {
        name: 'lib/a',
        source:
          'const is_half: bool = false; // specialize\nalias number = f32; // f16: is_half\n' +
          'alias quad = vec4f; // f16: is_half\n' +
          'fn twice(x: f32) -> f32 { return f32(quad(number(x + x)).x); }',
      },
    };
    const join = (constants: Record<string, boolean>, source = main) =>
      assemble(`//! join lib/a\n${source}`, constants, { parts });
    expect(join({ is_half: false })).toMatch(
      /^fn twice\(x: f32\) -> f32 { return f32\(vec4f\(f32\(x \+ x\)\)\.x\); }\n/,
    );
    expect(join({ is_half: true })).toMatch(
      /^enable f16;\nfn twice\(x: f32\) -> f32 { return f32\(vec4h\(f16\(x \+ x\)\)\.x\); }\n/,
    );
    // What nothing uses asks for no feature.
    expect(join({ is_half: true }, kernelOf(''))).not.toContain('f16');
  });

  const errors: [string, string, Parameters<typeof assemble>[2], string][] = [
    [
      'an unknown part',
      '//! join lib/none\n',
      { parts: { 'lib/a': activations } },
      "shaders/kernels/test.wgsl:1: part 'lib/none' does not exist, expected one of lib/a.",
    ],
    [
      'an unknown directive',
      '//! include lib/a\n',
      {},
      "shaders/kernels/test.wgsl:1: directive '//! include lib/a' is unknown, expected '//! join NAME' with NAME a part such as lib/activations, or cell.",
    ],
    [
      'a directive behind WGSL',
      'const x = 1;\n//! join lib/a\n',
      {},
      "shaders/kernels/test.wgsl:2: '//! join lib/a' stands behind WGSL. Move it to the file's top.",
    ],
    [
      'a missing cell',
      '//! join cell\n',
      {},
      'shaders/kernels/test.wgsl:1: kernel joins a cell, got none. Pass the cell of the launch.',
    ],
    [
      'a cell that is not joined',
      '',
      { cell: { name: 'cells/a', source: '' } },
      "shaders/kernels/test.wgsl:1: kernel joins no cell, got 'cells/a'. Launch it without a cell, or add '//! join cell'.",
    ],
    [
      'a cell joined by a part',
      '//! join lib/a\n',
      { parts: { 'lib/a': { name: 'lib/a', source: '//! join cell' } } },
      "shaders/lib/a.wgsl:1: '//! join cell' is for kernels only. Remove it.",
    ],
    [
      'a name declared twice',
      'fn twice() {}\nconst twice = 1;\n',
      {},
      "shaders/kernels/test.wgsl:2: 'twice' is declared again, first at shaders/kernels/test.wgsl:1. Rename one.",
    ],
    [
      'a second entry point',
      '@compute @workgroup_size(1) fn other() {}',
      {},
      'shaders/kernels/test.wgsl:1: kernel has entry points: other in shaders/kernels/test.wgsl, main in shaders/kernels/test.wgsl, expected one @compute function in this file.',
    ],
    [
      'a type whose f16 hangs on no bool constant',
      'const wide: u32 = 1u;\nalias twice = f32; // f16: wide\n',
      {},
      "shaders/kernels/test.wgsl:2: type 'twice' is f16 where 'wide' holds, which is no bool constant of the module. Write 'const is_half: bool = false; // specialize' and '// f16: is_half'.",
    ],
    [
      'a marker of types behind something else',
      'const twice: f32 = 1.0; // f16: wide\n',
      {},
      "shaders/kernels/test.wgsl:1: '// f16' stands in the wrong place, expected 'alias name = f32; // f16: constant'.",
    ],
    [
      'text that is no declaration',
      'fun x() {}',
      {},
      "shaders/kernels/test.wgsl:1: declaration starts with 'fun', expected fn, struct, var, const, override, alias or const_assert.",
    ],
  ];
  it.each(errors)('refuses %s', (_, source, rest, message) => {
    expect(() => assemble(`${source}${main}`, {}, rest)).toThrow(new ShaderError(message));
  });

  it('refuses a kernel without an entry point', () => {
    expect(() => assemble('const x = 1;')).toThrow(
      'shaders/kernels/test.wgsl:1: kernel has entry points: none, expected one @compute function in this file.',
    );
  });
});
