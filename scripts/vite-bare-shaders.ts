import type { Plugin } from 'vite';

/** What the joiner reads of a comment; see src/kernels/tokens.ts. */
const directive = /^(?:! ?join .*| ?f16: ?\w+| ?(?:unroll|registers|specialize|static|splice)\b)/;

/** WGSL without the comments that no code reads. Every line keeps its number, for errors that name it. */
export function stripComments(source: string): string {
  return source.replace(/[ \t]*\/\/(.*)$/gm, (whole, comment: string) => {
    const kept = directive.exec(comment)?.[0];
    return kept === undefined ? '' : whole.slice(0, whole.indexOf('//') + 2) + kept;
  });
}

/** The shaders in a generated module. */
const sources = /(?<=\bsource: `)(?:[^`\\]|\\.)*(?=`)/gs;

/** Vite plugin for the one-file build: takes comments out of the shaders. */
export function withBareShaders(): Plugin {
  return {
    name: 'gatefold-bare-shaders',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('/kernels/generated/')) return null;
      return { code: code.replace(sources, stripComments), map: null };
    },
  };
}
