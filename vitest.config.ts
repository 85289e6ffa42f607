import { existsSync } from 'node:fs';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';

interface Tier {
  readonly name: string;
  readonly testTimeoutMs: number;
  readonly maxWorkers: number;
}

/** The test tiers that vitest runs. The Deno tier has a runner of its own (test/deno/run.mjs). */
const tiers: readonly Tier[] = [
  { name: 'unit', testTimeoutMs: 20_000, maxWorkers: 2 },
  { name: 'device', testTimeoutMs: 120_000, maxWorkers: 2 },
  { name: 'browser', testTimeoutMs: 600_000, maxWorkers: 1 },
  { name: 'parity', testTimeoutMs: 120_000, maxWorkers: 2 },
  { name: 'package', testTimeoutMs: 120_000, maxWorkers: 1 },
];

/**
 * `quick` (`npm test`) leaves out what ends in `.full.test.ts`, `rest` runs nothing else, `full` all.
 */
const selection = process.env.GATEFOLD_TESTS ?? 'full';

function describeTier({ name, testTimeoutMs, maxWorkers }: Tier, order: number) {
  const setupFile = `./test/${name}/setup.ts`;
  return {
    oxc: { target: 'es2023' },
    test: {
      name,
      include: [`test/${name}/**/*${selection === 'rest' ? '.full' : ''}.test.ts`],
      exclude: selection === 'quick' ? ['**/*.full.test.ts'] : [],
      setupFiles: existsSync(new URL(setupFile, import.meta.url)) ? [setupFile] : [],
      pool: 'forks',
      maxWorkers,
      sequence: { groupOrder: order },
      testTimeout: testTimeoutMs,
      hookTimeout: testTimeoutMs,
    },
  } satisfies TestProjectConfiguration;
}

export default defineConfig({ test: { projects: tiers.map(describeTier) } });
