import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../src/errors.ts';
import { assemble, expandBody, kernelOf } from './fixtures.ts';

describe('register arrays', () => {
  it('become scalars, zero at first like the array', () => {
    const body = `
  var acc: array<f32, 2u * count>; // registers
  acc[0] = 1.0;
  acc[count + 0u] += acc[0] * acc[1u];`;
    expect(expandBody(body, 'const count = 1u;')).toEqual([
      'var acc_0 = f32();',
      'var acc_1 = f32();',
      'acc_0 = 1.0;',
      'acc_1 += acc_0 * acc_1;',
    ]);
  });

  it('are indexed with loop variables and with what let makes of them', () => {
    const body = `
  var acc: array<vec4f, 4>; // registers
  for (var r = 0u; r < 2u; r++) { // unroll
    for (var n = 0u; n < 2u; n++) { // unroll
      let index = r * 2u + n;
      acc[index].x = data[index];
      acc[3u - index][r] = v.acc[index];
    }
  }`;
    expect(expandBody(body).filter((line) => /^acc/.test(line))).toEqual([
      'acc_0.x = data[index];',
      'acc_3[0u] = v.acc[index];',
      'acc_1.x = data[index];',
      'acc_2[0u] = v.acc[index];',
      'acc_2.x = data[index];',
      'acc_1[1u] = v.acc[index];',
      'acc_3.x = data[index];',
      'acc_0[1u] = v.acc[index];',
    ]);
  });

  it('index each other with values of constant arrays only', () => {
    const body = `
  var acc: array<i32, 3>; // registers
  acc[order[acc_of[1]]] = 1;`;
    const declarations = 'const order = array(2u, 0u, 1u);\nconst acc_of = array<u32, 2>(1u, 2u);';
    expect(expandBody(body, declarations)).toContain('acc_1 = 1;');
  });

  it('are copied whole to an array in memory', () => {
    const declarations = `
const count = 3u;
fn keep(acc: ptr<function, array<f32, count>>, sums: ptr<function, array<f32, count>>) { // inline
  *sums = *acc;
}`;
    const body = `
  var acc: array<f32, count>; // registers
  var order: array<u32, 1>; // registers
  var sums = acc;
  let one = order;
  keep(&acc, &sums);`;
    const lines = expandBody(body, declarations).filter((line) => !/[{}]/.test(line));
    expect(lines.slice(4)).toEqual([
      'var sums = array<f32, 3>(acc_0, acc_1, acc_2);',
      'let one = array<u32, 1>(order_0);',
      'sums = array<f32, 3>(acc_0, acc_1, acc_2);',
    ]);
  });

  it('belong to their block', () => {
    const body = `
  var a: array<f32, 1>; // registers
  {
    var a: array<u32, 2>; // registers
    a[1] = 1u;
  }
  {
    var a: array<f32, 9>;
    a[n] = 1.0;
  }
  a[0] = 1.0;`;
    expect(expandBody(body).filter((line) => !/[{}]/.test(line))).toEqual([
      'var a_0 = f32();',
      'var a_0 = u32();',
      'var a_1 = u32();',
      'a_1 = 1u;',
      'var a: array<f32, 9>;',
      'a[n] = 1.0;',
      'a_0 = 1.0;',
    ]);
  });

  const declaration = '  var acc: array<f32, 2>; // registers\n';
  const loop = '  for (var r = 0u; r < 3u; r++) { // unroll\n';
  const errors: [string, string, number, string][] = [
    [
      'an index known only at run time',
      `${declaration}  acc[lane] = 1.0;`,
      6,
      "index of register array 'acc' is not constant: 'lane' is known only at run time. Mark the loop with '// unroll', or drop '// registers' in line 5.",
    ],
    [
      'an index out of range',
      `${declaration}${loop}    acc[r] = 1.0;\n  }`,
      7,
      "index 2 of register array 'acc' is outside 0 … 1.",
    ],
    [
      'a negative index',
      `${declaration}  acc[-1] = 1.0;`,
      6,
      "index -1 of register array 'acc' is outside 0 … 1.",
    ],
    [
      'an index that is no integer',
      `${declaration}  acc[0.5] = 1.0;`,
      6,
      "index of register array 'acc' is a float, expected u32.",
    ],
    [
      'use as a whole',
      `${declaration}  let sum = add(acc);`,
      6,
      "register array 'acc' is used as a whole, expected an index. Registers have no address; a copy reads 'copy = acc;'.",
    ],
    [
      'a name of its own that is taken',
      `  let acc_1 = 0.0;\n${declaration}`,
      6,
      "'acc_1' of register array 'acc' is declared already. Rename one.",
    ],
    [
      'a hidden register',
      `${declaration}  { let acc_1 = 0.0; }`,
      6,
      "'acc_1' hides a register of array 'acc'. Rename it.",
    ],
    [
      'a size known only at run time',
      '  var acc: array<f32, lane>; // registers',
      5,
      "size of register array 'acc' is not constant: 'lane' is known only at run time. Give it literals and constants of the module.",
    ],
    [
      'a size of zero',
      '  var acc: array<f32, 0>; // registers',
      5,
      "size of register array 'acc' is 0, expected an integer from 1 to 4096.",
    ],
    [
      'another element type',
      '  var acc: array<mat2x2f, 2>; // registers',
      5,
      'register array has another form, expected var name: array<f32, size>; // registers, with f32, i32, u32, bool or vec4f.',
    ],
    [
      'an initial value',
      '  var acc: array<f32, 2> = start; // registers',
      5,
      'register array has another form, expected var name: array<f32, size>; // registers, with f32, i32, u32, bool or vec4f.',
    ],
    [
      'a marker behind let',
      '  let acc = 1.0; // registers',
      5,
      "'// registers' stands in the wrong place, expected 'var name: array<f32, n>; // registers'.",
    ],
  ];
  it.each(errors)('refuse %s', (_name, body, line, message) => {
    const expected = new ShaderError(`shaders/kernels/test.wgsl:${line}: ${message}`);
    expect(() => assemble(kernelOf(body))).toThrow(expected);
  });

  it('are refused outside functions', () => {
    const source = kernelOf('', 'var<private> acc: array<f32, 2>; // registers');
    expect(() => assemble(source)).toThrow(
      "shaders/kernels/test.wgsl:1: '// registers' marks 'var acc' at module scope, expected it inside a function.",
    );
  });
});

describe('static conditions', () => {
  const chain = (value: number) =>
    expandBody(
      `
  if (kind == 0u) { // static
    a();
  } else if (kind == 1u) { // static
    b();
  } else {
    c();
  }`,
      `const kind: u32 = ${value}u;`,
    ).join(' ');

  it('keep one branch', () => {
    expect([chain(0), chain(1), chain(2)]).toEqual(['a();', 'b();', 'c();']);
  });

  it('may follow or precede conditions of run time', () => {
    const lines = (value: boolean) =>
      expandBody(
        `
  if (n > 1u) {
    a();
  } else if (wide) { // static
    b();
  }
  if (wide) { // static
    c();
  } else if (n > 2u) {
    d();
  }`,
        `const wide = ${value};`,
      ).join(' ');
    expect(lines(true)).toBe('if (n > 1u) { a(); } else { b(); } c();');
    expect(lines(false)).toBe('if (n > 1u) { a(); } else {} if (n > 2u) { d(); }');
  });

  it('splice a branch, so that its declarations are known behind it', () => {
    const lines = (value: boolean) =>
      expandBody(
        `
  if (wide) { // splice
    let lane = n % 4u;
    const slices = 2u;
  } else {
    const slices = 1u;
  }
  for (var r = 0u; r < slices; r++) { // unroll
    a(r);
  }`,
        `const wide = ${value};`,
      ).join(' ');
    expect(lines(true)).toBe('let lane = n % 4u; const slices = 2u; a(0u); a(1u);');
    expect(lines(false)).toBe('const slices = 1u; a(0u);');
  });

  it('keep their block where it declares a name, be it in a part that is spliced', () => {
    const body = `
  if (wide) { // static
    if (wide) { // splice
      let lane = n;
    }
    a(lane);
  }
  if (wide) { // static
    if (n > 1u) {
      let lane = n;
    }
  }`;
    expect(expandBody(body, 'const wide = true;').join(' ')).toBe(
      '{ let lane = n; a(lane); } if (n > 1u) { let lane = n; }',
    );
  });

  it('drop code that would not compile, and what only it uses', () => {
    const source = kernelOf(
      `
  var acc: array<f32, 2>; // registers
  for (var r = 0u; r < 2u; r++) { // unroll
    if (r + 1u < 2u && !never) { // static
      acc[r] = acc[r + 1u];
    } else {
      acc[r] = 0.0;
    }
    if (never) { // static
      helper();
    }
  }`,
      'const never: bool = false; // specialize\nfn helper() {}',
    );
    const code = assemble(source, { never: false });
    expect(code).toContain('acc_0 = acc_1;');
    expect(code).not.toContain('helper');
  });

  it('are refused where they are known only at run time, or no bool', () => {
    const at = 'shaders/kernels/test.wgsl:5:';
    expect(() => assemble(kernelOf('if (n > 1u) { // static\n}'))).toThrow(
      `${at} static condition is not constant: 'n' is known only at run time. Drop '// static' where it is decided at run time.`,
    );
    expect(() => assemble(kernelOf('if 1u { // static\n}'))).toThrow(
      `${at} static condition is a u32, expected bool.`,
    );
  });
});
