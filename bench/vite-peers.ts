import { resolve } from 'node:path';
import type { Plugin } from 'vite';
import { arePeersInstalled } from './install-peers.ts';

const virtualName = 'virtual:gatefold-bench-peers';
const folder = import.meta.dirname;

/**
 * Vite plugin that gives a build the peers, or Gatefold alone where the others' packages are not installed.
 *
 * @param file - Of bench/peers/src: the peers to give.
 */
export function choosePeers(file: string): Plugin {
  const chosen = arePeersInstalled() ? `peers/src/${file}` : 'gatefold-only.ts';
  return {
    name: 'gatefold-bench-peers',
    resolveId: (specifier) => (specifier === virtualName ? resolve(folder, chosen) : null),
  };
}
