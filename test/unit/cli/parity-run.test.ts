import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stripCaseFile } from '../../../src/cli/parity/case-run-bytes.ts';
import { runParity } from '../../../src/cli/parity/parity-run.ts';
import { parseParityCase } from '../../../src/interop/case-file.ts';
import { readSafetensors, writeSafetensors } from '../../../src/interop/safetensors.ts';

const cases = fileURLToPath(new URL('../../fixtures/cases', import.meta.url));
const name = 'lstm-h8-t6-b3-i4-l1-nobias-lossy';

let folder = '';
let lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gatefold-parity-'));
  await mkdir(join(folder, 'cases'));
  lines = [];
});
afterEach(() => rm(folder, { recursive: true }));

const print = (line: string) => lines.push(line);
const inFolder = (...parts: string[]) => join(folder, ...parts);

async function copyCase(change?: (bytes: Uint8Array) => Uint8Array, as = name): Promise<string> {
  const bytes = new Uint8Array(await readFile(join(cases, `${name}.safetensors`)));
  const path = inFolder('cases', `${as}.safetensors`);
  await writeFile(path, change ? change(bytes) : bytes);
  return path;
}

/** The case file with one expected value moved. */
function withWrongValue(tensor: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const { tensors, metadata } = readSafetensors(bytes);
    const { data } = tensors.get(tensor) as { data: Float32Array };
    data[5] = (data[5] as number) + 0.25;
    return writeSafetensors(tensors, metadata);
  };
}

describe('on the reference', () => {
  it('passes a case, writes its results and a report', async () => {
    const path = await copyCase();
    const write = inFolder('results');
    const json = inFolder('report.json');
    expect(await runParity([path], { device: 'reference', write, json }, print)).toBe(true);
    expect(lines[0]).toBe(`PASS ${name}`);
    expect(lines[1]).toMatch(/^1 cases: 1 passed, 0 failed, 0 unsupported on float64 reference/);
    const parsed = parseParityCase(await readFile(path), path);
    const results = readSafetensors(await readFile(join(write, `${name}.safetensors`))).tensors;
    expect([...results.keys()].sort()).toEqual([...parsed.checks].sort());
    expect(JSON.parse(await readFile(json, 'utf8'))).toEqual([
      { case: name, status: 'PASS', worst: expect.objectContaining({ index: expect.any(Array) }) },
    ]);
  });

  it('computes the same without the expected tensors, and says that it compared nothing', async () => {
    const path = await copyCase();
    const before = inFolder('before');
    await runParity([path], { device: 'reference', write: before }, print);
    await copyCase((bytes) => stripCaseFile(bytes, parseParityCase(bytes, path)));
    const after = inFolder('after');
    expect(await runParity([path], { device: 'reference', write: after }, print)).toBe(true);
    expect(lines[2]).toBe(`DONE ${name}: the file expects nothing`);
    const file = `${name}.safetensors`;
    expect(await readFile(join(after, file))).toEqual(await readFile(join(before, file)));
  });

  it('fails a case and names tensor, index and values', async () => {
    const path = await copyCase(withWrongValue('y'));
    expect(await runParity([path], { device: 'reference' }, print)).toBe(false);
    expect(lines[0]).toMatch(
      new RegExp(
        `^FAIL ${name}: y: 1 of \\d+ elements out of tolerance; worst y\\[0, 0, 5\\]: got `,
      ),
    );
  });

  it('does not guess what a tensor beyond the format means', async () => {
    const path = await copyCase((bytes) => {
      const { tensors, metadata } = readSafetensors(bytes);
      const attention = { dtype: 'F32', shape: [1], data: new Float32Array(1) } as const;
      return writeSafetensors([...tensors, ['attention', attention]], metadata);
    });
    const write = inFolder('results');
    expect(await runParity([path], { device: 'reference', write }, print)).toBe(true);
    expect(lines[0]).toBe(`UNSUPPORTED ${name}: not known: tensors attention`);
    expect(await readdir(write)).toEqual([]);
    expect(await runParity([path], { device: 'reference', strict: true }, print)).toBe(false);
  });

  it('goes on after a file that is no case', async () => {
    await copyCase();
    await writeFile(inFolder('cases', 'a.safetensors'), 'nothing');
    expect(await runParity([inFolder('cases')], { device: 'reference' }, print)).toBe(false);
    expect(lines[0]).toMatch(/^FAIL a: .*a\.safetensors: /);
    expect(lines[1]).toBe(`PASS ${name}`);
  });

  it('takes cases by name', async () => {
    await copyCase();
    await copyCase(undefined, 'other');
    const filter = /^oth/;
    await runParity([inFolder('cases')], { device: 'reference', filter }, print);
    expect(lines).toHaveLength(2);
    await expect(
      runParity([inFolder('cases')], { device: 'reference', filter: /none/ }, print),
    ).rejects.toThrow('--filter none matches none of 2 cases.');
  });
});

describe('refuses', () => {
  it('a folder without cases', async () => {
    await expect(runParity([inFolder('cases')], { device: 'reference' }, print)).rejects.toThrow(
      'holds no .safetensors file',
    );
  });

  it('to overwrite a case by its results', async () => {
    const path = await copyCase();
    const write = inFolder('cases');
    await expect(runParity([path], { device: 'reference', write }, print)).rejects.toThrow(
      'the results would overwrite the case',
    );
  });

  it('two cases of one name', async () => {
    await copyCase();
    await mkdir(inFolder('cases', 'again'), { recursive: true });
    await cp(
      inFolder('cases', `${name}.safetensors`),
      inFolder('cases', 'again', `${name}.safetensors`),
    );
    const options = { device: 'reference', write: inFolder('results') } as const;
    await expect(runParity([inFolder('cases')], options, print)).rejects.toThrow(
      'have the same name',
    );
  });
});
