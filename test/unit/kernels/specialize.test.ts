import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../src/errors.ts';
import { assemble, kernelOf } from './fixtures.ts';

const uses = kernelOf('  data[0] = select(f32(size), scale, wide && offset < 0);');
const declarations = `const size: u32 = 8u; // specialize
const offset: i32 = -1; // specialize: a reason may follow
const scale: f32 = 0.5; // specialize
const wide: bool = true; // specialize
`;
const values = { size: 8, offset: -1, scale: 0.5, wide: true };

function declared(given: Readonly<Record<string, number | boolean>>): string[] {
  const code = assemble(declarations + uses, { ...values, ...given });
  return code.split('\n').filter((line) => line.startsWith('const'));
}

describe('specialised constants', () => {
  it('writes the given values with their types', () => {
    expect(declared({ size: 4294967295, offset: -2147483648, scale: 1e-7, wide: false })).toEqual([
      'const size: u32 = 4294967295u;',
      'const offset: i32 = -2147483648;',
      `const scale: f32 = ${Math.fround(1e-7)};`,
      'const wide: bool = false;',
    ]);
    expect(declared({ scale: 3 })[2]).toBe('const scale: f32 = 3.0;');
    expect(declared({ scale: 1e30 })[2]).toBe(`const scale: f32 = ${Math.fround(1e30)};`);
  });

  it('takes the defaults of the text where no values are given', () => {
    const code = assemble(declarations + uses, undefined, { constants: undefined });
    expect(code).toContain(
      'const size: u32 = 8u;\nconst offset: i32 = -1;\nconst scale: f32 = 0.5;',
    );
  });

  it('feeds constants that other constants are made of', () => {
    const source = kernelOf(
      '  for (var i = 0u; i < twice; i++) { // unroll\n    data[i] = 1.0;\n  }',
      'const size: u32 = 1u; // specialize\nconst twice = size * 2u;',
    );
    expect(assemble(source, { size: 3 }).match(/data\[\du\]/g)).toHaveLength(6);
  });

  it('lets several parts declare the same constant', () => {
    const cell = { name: 'cells/a', source: 'const size: u32 = 4u; // specialize' };
    const code = assemble(`//! join cell\n${declarations}${uses}`, values, { cell });
    expect(code.match(/const size/g)).toHaveLength(1);
    const other = { name: 'cells/b', source: 'const size: f32 = 4.0; // specialize' };
    expect(() =>
      assemble(`//! join cell\n${declarations}${uses}`, values, { cell: other }),
    ).toThrow(
      "shaders/kernels/test.wgsl:2: 'size' is declared again, first at shaders/cells/b.wgsl:1. Rename one.",
    );
  });

  const { size: _, ...withoutSize } = values;
  const errors: [string, Record<string, number | boolean>, string][] = [
    [
      'missing',
      withoutSize,
      "1: constant 'size' (u32) has no value, expected an integer from 0 to 4294967295. Pass constants: { size: … }.",
    ],
    [
      'unknown',
      { ...values, depth: 1 },
      "1: constant 'depth' is unknown, expected size, offset, scale, wide. Remove it, or mark it with '// specialize'.",
    ],
    [
      'negative u32',
      { ...values, size: -1 },
      "1: constant 'size' (u32) is -1, expected an integer from 0 to 4294967295.",
    ],
    [
      'fractional u32',
      { ...values, size: 1.5 },
      "1: constant 'size' (u32) is 1.5, expected an integer from 0 to 4294967295.",
    ],
    [
      'too large i32',
      { ...values, offset: 2147483648 },
      "2: constant 'offset' (i32) is 2147483648, expected an integer from -2147483648 to 2147483647.",
    ],
    [
      'non-finite f32',
      { ...values, scale: Number.NaN },
      "3: constant 'scale' (f32) is NaN, expected a finite number of float32.",
    ],
    [
      'f32 beyond float32',
      { ...values, scale: 1e39 },
      "3: constant 'scale' (f32) is 1e+39, expected a finite number of float32.",
    ],
    [
      'number for bool',
      { ...values, wide: 1 },
      "4: constant 'wide' (bool) is 1, expected true or false.",
    ],
    [
      'bool for number',
      { ...values, size: true },
      "1: constant 'size' (u32) is true, expected an integer from 0 to 4294967295.",
    ],
  ];
  it.each(errors)('refuses a constant that is %s', (_name, given, message) => {
    const expected = new ShaderError(`shaders/kernels/test.wgsl:${message}`);
    expect(() => assemble(declarations + uses, given)).toThrow(expected);
  });

  const misplaced: [string, string, string][] = [
    [
      'without a type',
      'const size = 1u; // specialize',
      "specialised constant 'size' has no type, expected one of u32, i32, f32, bool: const size: u32 = 1u; // specialize",
    ],
    [
      'of another type',
      'const size: vec2u = vec2u(); // specialize',
      "specialised constant 'size' has type vec2u, expected one of u32, i32, f32, bool: const size: u32 = 1u; // specialize",
    ],
    [
      'that is a variable',
      'var<private> size: u32 = 1u; // specialize',
      "'// specialize' stands in the wrong place, expected 'const name: u32 = 1u; // specialize'.",
    ],
    [
      'in a function',
      'fn f() { const size: u32 = 1u; // specialize\n}',
      "'// specialize' marks a constant of a function, expected module scope.",
    ],
  ];
  it.each(misplaced)('refuses a marked constant %s', (_name, declaration, message) => {
    const source = kernelOf('  f();', declaration);
    const constants = declaration.startsWith('fn') ? {} : { size: 1 };
    expect(() => assemble(source, constants)).toThrow(`shaders/kernels/test.wgsl:1: ${message}`);
  });
});
