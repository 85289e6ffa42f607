import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../src/errors.ts';
import { assemble, expandBody, kernelOf } from './fixtures.ts';

describe('inlined functions', () => {
  it('stand in place of their calls, with registers of the caller behind a pointer', () => {
    const declarations = `
fn add(to: ptr<function, array<f32, 2>>, r: u32, value: f32) { // inline
  to[r] += value * scale;
}
const scale: f32 = 2.0;`;
    const body = `
  var acc: array<f32, 2>; // registers
  for (var r = 0u; r < 2u; r++) { // unroll
    add(&acc, 1u - r, data[n]);
  }`;
    expect(expandBody(body, declarations)).toEqual([
      'var acc_0 = f32();',
      'var acc_1 = f32();',
      '{',
      'let value = data[n];',
      'acc_1 += value * scale;',
      '}',
      '{',
      'let value = data[n];',
      'acc_0 += value * scale;',
      '}',
    ]);
  });

  it('decide static conditions and unroll loops by what they are called with', () => {
    const declarations = `
fn use_some(count: u32, is_last: bool) { // inline
  for (var i = 0u; i < count; i++) { // unroll
    use(i);
  }
  if (is_last) { // splice
    use(9u);
  }
}`;
    const body = 'use_some(2u, 1u > 2u);\nuse_some(1u, true);';
    const used = expandBody(body, declarations).filter((line) => line.startsWith('use'));
    expect(used).toEqual(['use(0u);', 'use(1u);', 'use(0u);', 'use(9u);']);
  });

  it('call each other, and hand pointers on under other names', () => {
    const declarations = `
struct Pair { a: f32, b: f32 }
fn outer(pair: ptr<function, Pair>) { // inline
  inner(pair, 3u);
  *pair = doubled(2.0 *pair.a, *pair);
}
fn inner(to: ptr<function, Pair>, k: u32) { // inline
  to.a = f32(k);
}`;
    const lines = expandBody('var own: Pair;\nouter(&own);', declarations);
    expect(lines).toContain('own.a = f32(3u);');
    expect(lines).toContain('own = doubled(2.0 *own.a, own);');
  });

  it('take a name of the caller as it is', () => {
    const declarations = 'fn show(t: u32) { // inline\n  use(t);\n}';
    expect(expandBody('let t = n;\nshow(t);', declarations)).toEqual(['let t = n;', 'use(t);']);
  });

  it('come from parts, with what they use', () => {
    const part = {
      name: 'lib/part',
      source: 'const three = 3u;\nfn set(at: u32) { // inline\n  data[at] = f32(three);\n}\n',
    };
    const kernel = `//! join lib/part\n${kernelOf('  set(4u);')}`;
    const code = assemble(kernel, {}, { parts: { 'lib/part': part } });
    expect(code).toContain('const three = 3u;');
    expect(code).toContain('data[4u] = f32(three);');
    expect(code).not.toContain('fn set');
  });

  it.each([
    [
      'let x = f(1u);',
      'fn f(a: u32) { // inline\n}',
      "inlined function 'f' is used in an expression, expected 'f(…);'. It gives nothing back: pass a pointer.",
    ],
    [
      'f();',
      'fn f(a: u32, b: ptr<function, array<f32, 2>>) { // inline\n}',
      "'f' gets 0 arguments, expected 2: a, b.",
    ],
    [
      'f(&missing);',
      'fn f(a: ptr<function, f32>) { // inline\n}',
      "argument 'a' is '&missing', expected & and a variable of the caller.",
    ],
    [
      'var x: f32;\nf(&x);',
      'fn f(a: ptr<function, f32>) { // inline\n  g(&a);\n}\nfn g(b: ptr<function, f32>) { // inline\n}',
      "argument 'b' is '&a', expected a, a pointer already.",
    ],
    [
      'var x: f32;\nf(&x);',
      'fn f(a: ptr<function, f32>) { // inline\n  var x = 1.0;\n}',
      "'x' hides a variable that a call points to. Rename it.",
    ],
    [
      'f(n, a);',
      'fn f(a: u32, b: u32) { // inline\n}',
      "'a' is a parameter of 'f', too, and declared before. Rename one.",
    ],
    [
      'f(1u);',
      'fn f(a: u32) { // inline\n  return;\n}',
      "inlined function 'f' gives something back. Write it through a pointer.",
    ],
  ])('refuses %j', (body, declarations, message) => {
    const expand = () => expandBody(body, declarations);
    expect(expand).toThrow(ShaderError);
    expect(expand).toThrow(message);
  });
});
