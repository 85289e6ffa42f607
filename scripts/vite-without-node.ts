import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';

const nodeDevice = resolve(import.meta.dirname, '../src/device/node.ts');
const stub = '\0gatefold-without-node';
const message =
  'This build of Gatefold is for browsers and has no code for Node. ' +
  "Import 'gatefold' there, without a bundler or with the conditions for Node.";

/**
 * Vite plugin for builds that only browsers load: puts functions that throw in place of those that
 * src/device/node.ts exports, so that neither Node's modules nor the packages they use are bundled.
 */
export function withoutNode(): Plugin {
  return {
    name: 'gatefold-without-node',
    enforce: 'pre',
    async resolveId(specifier, importer) {
      if (!specifier.endsWith('/node.ts')) return null;
      const resolved = await this.resolve(specifier, importer, { skipSelf: true });
      return resolved?.id === nodeDevice ? stub : null;
    },
    async load(id) {
      if (id !== stub) return null;
      const exported = (await readFile(nodeDevice, 'utf8')).matchAll(
        /^export (?:async )?function (\w+)/gm,
      );
      return [...exported]
        .map(
          ([, name]) =>
            `export function ${name}() { throw new Error(${JSON.stringify(message)}); }`,
        )
        .join('\n');
    },
  };
}
