import type { Plugin } from 'vite';
import { markerComment } from '../src/kernels/tokens.ts';

/** WGSL without the comments that no code reads. Every line keeps its number, for errors that name it. */
export function stripComments(source: string): string {
  return source.replace(/([ \t]*)(\/\/.*)$/gm, (whole, space: string, comment: string) => {
    if (comment.startsWith('//!')) return whole;
    const [, marker, reason] = markerComment.exec(comment) ?? [];
    if (marker === undefined) return '';
    return `${space}// ${marker}${marker === 'f16' ? `: ${reason}` : ''}`;
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
