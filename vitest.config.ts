import { existsSync } from 'node:fs';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

interface Tier {
  readonly name: string;
  readonly testTimeoutMs: number;
  readonly maxWorkers: number;
  readonly pool: 'threads' | 'forks';
}

/**
 * The test tiers that vitest runs. The Deno tier has a runner of its own (test/deno/run.mjs). A thread starts
 * faster than a process, but pipelines are built one at a time in a process (docs/adr/0024-test-time.md).
 */
const tiers: readonly Tier[] = [
  { name: 'unit', testTimeoutMs: 20_000, maxWorkers: 2, pool: 'threads' },
  { name: 'device', testTimeoutMs: 120_000, maxWorkers: 2, pool: 'forks' },
  { name: 'browser', testTimeoutMs: 600_000, maxWorkers: 1, pool: 'forks' },
  { name: 'parity', testTimeoutMs: 120_000, maxWorkers: 2, pool: 'forks' },
  { name: 'package', testTimeoutMs: 120_000, maxWorkers: 1, pool: 'forks' },
];

/**
 * `quick` (`npm test`) leaves out what ends in `.full.test.ts`, `rest` runs nothing else, `full` all.
 */
const selection = process.env.GATEFOLD_TESTS ?? 'full';

function describeTier({ name, testTimeoutMs, maxWorkers, pool }: Tier, order: number) {
  const setupFile = `./test/${name}/setup.ts`;
  return {
    oxc: { target: 'es2023' },
    test: {
      name,
      include: [`test/${name}/**/*${selection === 'rest' ? '.full' : ''}.test.ts`],
      exclude: selection === 'quick' ? ['**/*.full.test.ts'] : [],
      setupFiles: existsSync(new URL(setupFile, import.meta.url)) ? [setupFile] : [],
      pool,
      maxWorkers,
      sequence: { groupOrder: order },
      testTimeout: testTimeoutMs,
      hookTimeout: testTimeoutMs,
    },
  } satisfies TestProjectConfiguration;
}

export default defineConfig({ test: { projects: tiers.map(describeTier) } });
