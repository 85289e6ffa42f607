import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../src/errors.ts';
import { tokenize } from '../../../src/kernels/tokens.ts';

const texts = (source: string) => tokenize('t.wgsl', source).tokens.map(({ text }) => text);

describe('tokens of WGSL', () => {
  it('splits names, numbers and operators', () => {
    expect(texts('a.x<<=0x1p-24f+1.5e-3f-0xffu>>2')).toEqual([
      'a',
      '.',
      'x',
      '<<=',
      '0x1p-24f',
      '+',
      '1.5e-3f',
      '-',
      '0xffu',
      '>>',
      '2',
    ]);
    expect(texts('_größe_1++;')).toEqual(['_größe_1', '++', ';']);
  });

  it('drops comments, also nested ones with brackets in them', () => {
    expect(texts('a /* { /* ( */ [ */ b // } ]\nc')).toEqual(['a', 'b', 'c']);
  });

  it('counts lines, and keeps indentation but no empty lines', () => {
    const { tokens } = tokenize('t.wgsl', 'a /*\n\n*/ b\n\n // x\n  c\td');
    expect(tokens.map(({ text, line, before }) => [text, line, before])).toEqual([
      ['a', 1, ''],
      ['b', 3, ' '],
      ['c', 6, '\n  '],
      ['d', 6, ' '],
    ]);
  });

  it('takes prose that starts with a marker word for prose', () => {
    const source =
      '// registers\nfn f() { // unroll the next one\n  a(); // static checks follow\n}';
    expect(tokenize('t.wgsl', source).tokens.some(({ marker }) => marker !== undefined)).toBe(
      false,
    );
  });

  it.each([
    ['a # b', "1: character '#' is not part of WGSL."],
    ['a\n/* b', "2: comment '/*' is not closed. Add '*/'."],
    ['fn f() {\n (\n}', "3: '}' closes '(' of line 2, expected '{'."],
    ['a\n)', "2: ')' closes nothing, expected '('."],
    ['fn f() {\n (a)', "1: bracket '{' is never closed."],
    ['if (a; b) { // static', "1: bracket '{' is never closed."],
  ])('refuses %j', (source, message) => {
    expect(() => tokenize('t.wgsl', source)).toThrow(new ShaderError(`t.wgsl:${message}`));
  });
});
