import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fillFeatures } from '../../../scripts/feature-table.ts';
import { type CellName, cells } from '../../../src/cells/registry.ts';

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'shaders/README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** A page without its fenced blocks. */
const proseOf = (page: string): string => read(page).replace(/^```.*?^```/gms, '');

describe.each(pages)('%s', (page) => {
  it('links to files that exist', () => {
    const links = [...proseOf(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(
      ([, link = '']) => link,
    );
    const broken = links
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => !existsSync(join(root, dirname(page), link)));
    expect(broken).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(page).matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});

describe('the table of cells in the README', () => {
  const rows = read('README.md')
    .split('\n')
    .filter((line) => /^\| `\w+` \|/.test(line));

  it('has a row for some cell', () => {
    expect(rows.length).toBeGreaterThan(0);
  });

  it.each(rows)('%s says what the registry says', (row) => {
    const name = row.split('`')[1] as CellName;
    expect(Object.keys(cells)).toContain(name);
    const { formulas, optionNames } = cells[name];
    for (const formula of formulas) expect(row).toContain(`\`${formula.replace(/\s+/g, ' ')}\``);
    for (const option of optionNames) expect(row).toContain(`\`${option}\`:`);
  });
});

describe('the table of features', () => {
  it('says what can be built; `npm run features` brings it up to date', () => {
    const page = read('docs/layers.md');
    expect(fillFeatures(page)).toBe(page);
  });
});
