import { describe, expect, it } from 'vitest';
import { stripComments } from '../../../scripts/vite-bare-shaders.ts';
import { cellParts, kernels, parts } from '../../../src/kernels/generated/index.ts';
import { tokenize } from '../../../src/kernels/tokens.ts';

/** What the joiner sees of a shader; of a marker's reason only f16's constant. */
function read(source: string) {
  const { tokens, joins } = tokenize('case', source);
  return {
    joins,
    tokens: tokens.map(({ text, line, marker, markerText }) => {
      return [text, line, marker, marker === 'f16' ? markerText : undefined];
    }),
  };
}

describe('shaders without comments', () => {
  const all = [kernels, parts, cellParts].flatMap((group) =>
    Object.values<{ name: string; source: string }>(group),
  );

  it.each(all)('$name says the same to the joiner, on the same lines', ({ source }) => {
    const bare = stripComments(source);
    expect(read(bare)).toEqual(read(source));
    expect(bare.length).toBeLessThan(source.length);
    expect(bare).not.toMatch(/\/\/(?!!| (?:unroll|registers|specialize|static|splice|inline|f16))/);
  });
});
