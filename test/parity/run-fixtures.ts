import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatCaseLine, judgeCase } from '../../src/cli/parity/report.ts';
import { runCase } from '../../src/cli/parity/run-case.ts';
import type { Device } from '../../src/device/device.ts';
import { compareCase } from '../../src/interop/case-compare.ts';
import { parseParityCase } from '../../src/interop/case-file.ts';
import { useDevice } from '../support/device.ts';

/** Where the committed cases are; `scripts/make-fixtures.py` writes them. */
export const fixtures: string = fileURLToPath(new URL('../fixtures/cases', import.meta.url));

/**
 * Defines a test per committed case and device, WebGPU and the reference: what PyTorch computed must come
 * out, and every case must be supported.
 *
 * @param isWanted - Chooses cases by the name of their file.
 */
export function testFixtures(isWanted: (name: string) => boolean): void {
  const names = readdirSync(fixtures).filter((name) => name.endsWith('.safetensors'));
  const wanted = names.filter(isWanted);
  if (wanted.length === 0) throw new Error(`no case in ${fixtures} is wanted`);
  describe('on WebGPU', () => {
    const device = useDevice();
    it.each(wanted)('%s', (name) => checkCase(device(), name));
  });
  describe('on the reference', () => {
    it.each(wanted)('%s', (name) => checkCase('reference', name));
  });
}

async function checkCase(device: Device | 'reference', name: string): Promise<void> {
  const parsed = parseParityCase(readFileSync(join(fixtures, name)), name);
  const run = await runCase(device, parsed);
  const comparison = run.status === 'done' ? compareCase(parsed, run.tensors) : null;
  const line = formatCaseLine(judgeCase(parsed.name, run, comparison));
  expect(line).toBe(`PASS ${parsed.name}`);
}
