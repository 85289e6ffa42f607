import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatCaseLine, judgeCase } from '../../src/cli/parity/report.ts';
import type { CaseRun } from '../../src/cli/parity/results.ts';
import { runCase } from '../../src/cli/parity/run-case.ts';
import { compareCase } from '../../src/interop/case-compare.ts';
import { parseParityCase } from '../../src/interop/case-file.ts';
import type { ParityCase } from '../../src/interop/case-types.ts';
import { useDevice } from '../support/device.ts';

/** Where the committed cases are; `scripts/make-fixtures.py` writes them. */
export const fixtures: string = fileURLToPath(new URL('../fixtures/cases', import.meta.url));

/** Whether only `npm run test:full` runs a case: normalised cells take long to build, and three of them do. */
export function isOfFullTier(name: string): boolean {
  return (
    name.includes('-norm-') && !/^(lstm|gru-before)-norm-h11-t5|^gru-after-norm.*-lens/.test(name)
  );
}

/** Names of the committed cases' files. At least one has to be wanted. */
export function listFixtures(isWanted: (name: string) => boolean): readonly string[] {
  const names = readdirSync(fixtures).filter((name) => name.endsWith('.safetensors'));
  const wanted = names.filter(isWanted);
  if (wanted.length === 0) throw new Error(`no case in ${fixtures} is wanted`);
  return wanted;
}

/**
 * Defines a test per committed case and device, WebGPU and the reference: what PyTorch computed must come
 * out, and every case must be supported.
 *
 * @param isWanted - Chooses cases by the name of their file.
 */
export function testFixtures(isWanted: (name: string) => boolean): void {
  const wanted = listFixtures(isWanted);
  describe('on WebGPU', () => {
    const device = useDevice();
    it.each(wanted)('%s', (name) => checkFixture(name, (parsed) => runCase(device(), parsed)));
  });
  describe('on the reference', () => {
    it.each(wanted)('%s', (name) => checkFixture(name, (parsed) => runCase('reference', parsed)));
  });
}

/** Computes a committed case by `run` and compares it with what PyTorch computed. */
export async function checkFixture(
  name: string,
  run: (parsed: ParityCase) => Promise<CaseRun>,
): Promise<void> {
  const parsed = parseParityCase(readFileSync(join(fixtures, name)), name);
  const result = await run(parsed);
  const comparison = result.status === 'done' ? compareCase(parsed, result.tensors) : null;
  const line = formatCaseLine(judgeCase(parsed.name, result, comparison));
  expect(line).toBe(`PASS ${parsed.name}`);
}
