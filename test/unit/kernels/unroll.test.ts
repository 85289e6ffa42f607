import { describe, expect, it } from 'vitest';
import { ShaderError } from '../../../src/errors.ts';
import { assemble, expandBody, kernelOf } from './fixtures.ts';

/** Numbers that an unrolled `data[…] = 0.0;` writes to, as WGSL text. */
function rounds(header: string, declarations = ''): string[] {
  const name = /var (\w+)/.exec(header)?.[1];
  const lines = expandBody(`  for (${header}) { // unroll\n    use(${name});\n  }`, declarations);
  return lines.filter((line) => line.startsWith('use')).map((line) => line.slice(4, -2));
}

describe('unrolled loops', () => {
  it.each([
    ['var r = 0u; r < 3u; r++', ['0u', '1u', '2u']],
    ['var r = 1; r <= 3; r++', ['1i', '2i', '3i']],
    ['var r: u32 = 2; r < 4; r++', ['2u', '3u']],
    ['var r = 0u; r < 7u; r += 1u + 2u', ['0u', '3u', '6u']],
    ['var r = 2i; r > -2i; r--', ['2i', '1i', '0i', '(-1i)']],
    ['var r = 8u; r >= 4u; r -= 2u', ['8u', '6u', '4u']],
    ['var r = rows - 1u; r < (rows + 2u) * 2u / 2u; r++', ['2u', '3u', '4u']],
    ['var r = gates[1]; r < gates[1 + 1]; r++', ['2u', '3u', '4u']],
    ['var r = 0u; r < min(rows, 2u); r++', ['0u', '1u']],
    ['var r = 0u; r < select(1u, 2u, rows == 3u); r++', ['0u', '1u']],
    ['var r = 0x10u >> 3u; r != 4u; r++', ['2u', '3u']],
  ])('gives for (%s) the rounds %j', (header, expected) => {
    const declarations = 'const rows: u32 = 3u;\nconst gates = array<u32, 3>(0, rows - 1u, 5u);';
    expect(rounds(header, declarations)).toEqual(expected);
  });

  it('copies the body into a block of its own', () => {
    expect(expandBody('  for (var r = 0u; r < 2u; r++) { // unroll\n    let x = r;\n  }')).toEqual([
      '{',
      'let x = 0u;',
      '}',
      '{',
      'let x = 1u;',
      '}',
    ]);
  });

  it('vanishes without rounds', () => {
    expect(
      expandBody('  for (var r = 4u; r < 4u; r++) { // unroll\n    data[r] = 0.0;\n  }'),
    ).toEqual([]);
  });

  it('nests, and inner bounds may use outer variables and constants of the body', () => {
    const lines = expandBody(
      `
  for (var p = 0u; p < 2u; p++) { // unroll
    let end = gates[p + 1u];
    for (var g = gates[p]; g < end; g++) { // unroll
      use(p, g);
    }
  }`,
      'const gates = array<u32, 3>(0u, 1u, 3u);',
    );
    expect(lines.filter((line) => line.startsWith('use'))).toEqual([
      'use(0u, 0u);',
      'use(1u, 1u);',
      'use(1u, 2u);',
    ]);
  });

  it('replaces whole words only, neither members nor longer names', () => {
    const lines = expandBody(`
  for (var x = 0u; x < 1u; x++) { // unroll
    v.x = x + xx; /* x { */ // x }
    w[x].x += x;
  }`);
    expect(lines).toEqual(['v.x = 0u + xx;', 'w[0u].x += 0u;']);
  });

  it('leaves other loops as they are, with break and continue', () => {
    const body = ['for (var i = 0u; i < n; i++) {', 'if (i > 3u) { break; }', 'continue;', '}'];
    expect(expandBody(body.join('\n'))).toEqual(body);
  });

  it('allows jumps of inner loops and breaks of a switch', () => {
    const lines = expandBody(`
  for (var r = 0u; r < 1u; r++) { // unroll
    for (var i = 0u; i < n; i++) { continue; }
    while i < 3u { break; }
    loop { if (r == i) { continue; } continuing { break if i > 3u; } }
    switch i { case 1: { break; } default: {} }
  }`);
    expect(lines).toHaveLength(4);
  });

  it('sees through names that hide constants of the module', () => {
    const source = kernelOf(
      `
  let rows = n;
  for (var r = 0u; r < rows; r++) { // unroll
  }`,
      'const rows = 2u;',
    );
    expect(() => assemble(source)).toThrow("'rows' is known only at run time");
  });

  it('restores a hidden constant behind the block', () => {
    expect(rounds('var r = 0u; r < rows; r++', 'const rows = 2u;')).toHaveLength(2);
    const lines = expandBody(
      `
  { let rows = n; }
  for (var rows = 0u; rows < 9u; rows++) { }
  for (var r = 0u; r < rows; r++) { // unroll
    use(r);
  }`,
      'const rows = 2u;',
    );
    expect(lines.filter((line) => line.startsWith('use'))).toHaveLength(2);
  });

  const remedy = 'Unrolled loops need bounds that are known when the plan is made.';
  const errors: [string, string, string][] = [
    [
      'a bound known only at run time',
      'for (var r = 0u; r < n; r++) { // unroll\n}',
      `condition of the unrolled loop over 'r' is not constant: 'n' is known only at run time. ${remedy}`,
    ],
    [
      'a start known only at run time',
      'for (var r = lane; r < 4u; r++) { // unroll\n}',
      `start of the unrolled loop over 'r' is not constant: 'lane' is known only at run time. ${remedy}`,
    ],
    [
      'a step of zero',
      'for (var r = 0u; r < 4u; r += 0u) { // unroll\n}',
      "step of the unrolled loop over 'r' is 0 (u32), expected a u32 other than 0.",
    ],
    [
      'a step of another type',
      'for (var r = 0u; r < 4u; r += 1i) { // unroll\n}',
      "step of the unrolled loop over 'r' is 1 (i32), expected a u32 other than 0.",
    ],
    [
      'mixed types',
      'for (var r = 0u; r < 4i; r++) { // unroll\n}',
      `condition of the unrolled loop over 'r' is not constant: '<' mixes u32 and i32. ${remedy}`,
    ],
    [
      'a start that is no integer',
      'for (var r = 0.5; r < 4.0; r++) { // unroll\n}',
      "start of the unrolled loop over 'r' is a float, expected u32 or i32.",
    ],
    [
      'a condition that is no bool',
      'for (var r = 0u; 1u; r++) { // unroll\n}',
      "condition of the unrolled loop over 'r' is a u32, expected bool.",
    ],
    [
      'another form',
      'for (; r < 4u; r++) { // unroll\n}',
      'unrolled loop has another form, expected for (var r = 0u; r < rows; r++) { // unroll, or r += step.',
    ],
    [
      'a step on another variable',
      'for (var r = 0u; r < 4u; i++) { // unroll\n}',
      'unrolled loop has another form, expected for (var r = 0u; r < rows; r++) { // unroll, or r += step.',
    ],
    [
      'a loop that leaves its type',
      'for (var r = 2u; r >= 0u; r--) { // unroll\n}',
      "unrolled loop over 'r' leaves u32 at -1. Change its condition.",
    ],
    [
      'too many rounds',
      'for (var r = 0u; r < 5000u; r++) { // unroll\n}',
      "unrolled loop over 'r' runs more than 4096 times.",
    ],
    [
      'break',
      'for (var r = 0u; r < 4u; r++) { // unroll\n  if (r > 2u) { break; }\n}',
      "'break' leaves an unrolled loop. Guard the rest with an if, or drop '// unroll'.",
    ],
    [
      'continue in a switch',
      'for (var r = 0u; r < 4u; r++) { // unroll\n  switch r { default: { continue; } }\n}',
      "'continue' leaves an unrolled loop. Guard the rest with an if, or drop '// unroll'.",
    ],
    [
      'an assigned variable',
      'for (var r = 0u; r < 4u; r++) { // unroll\n  r += 1u;\n}',
      "unrolled loop variable 'r' is assigned to in the loop's body.",
    ],
    [
      'a hidden variable',
      'for (var r = 0u; r < 4u; r++) { // unroll\n  let r = 1u;\n}',
      "'r' hides the variable of an unrolled loop. Rename it.",
    ],
    [
      'one name for two loops',
      'for (var r = 0u; r < 4u; r++) { // unroll\n  for (var r = 0u; r < 4u; r++) { // unroll\n  }\n}',
      "'r' is the variable of two nested unrolled loops. Rename one.",
    ],
    [
      'a marker behind while',
      'while true { // unroll\n}',
      "'// unroll' stands in the wrong place, expected 'for (…) { // unroll'.",
    ],
    [
      'division by zero',
      'for (var r = 1u / 0u; r < 4u; r++) { // unroll\n}',
      `start of the unrolled loop over 'r' is not constant: a division by zero. ${remedy}`,
    ],
    [
      'an index outside a constant array',
      'for (var r = gates[2]; r < 4u; r++) { // unroll\n}',
      `start of the unrolled loop over 'r' is not constant: index 2 is outside a constant array of 2. ${remedy}`,
    ],
  ];
  it.each(errors)('refuses %s', (name, body, message) => {
    const source = kernelOf(body, 'const gates = array<u32, 2>(0u, 4u);');
    const inside = [
      'break',
      'continue in a switch',
      'an assigned variable',
      'a hidden variable',
      'one name for two loops',
    ];
    const line = inside.includes(name) ? 6 : 5;
    const expected = new ShaderError(`shaders/kernels/test.wgsl:${line}: ${message}`);
    expect(() => assemble(source)).toThrow(expected);
  });

  it('stops before the text grows without bound', () => {
    const nested =
      'for (var a = 0u; a < 4000u; a++) { // unroll\n for (var b = 0u; b < 4000u; b++) { // unroll\n  use(a, b);\n}\n}';
    expect(() => assemble(kernelOf(nested))).toThrow(
      'unrolling gives more than 4 MB of text. Unroll less.',
    );
  });
});
