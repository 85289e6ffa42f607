/** Brings the results shown in the documents up to date: `tsx bench/update-docs.ts`, or a whole run. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { writeSummary } from './markdown.ts';
import type { Report } from './report.ts';

const root = resolve(import.meta.dirname, '..');
const results = resolve(import.meta.dirname, 'results');

/** The documents that show results. */
export const documents = ['README.md', 'docs/bench.md'].map((name) => resolve(root, name));

/** What stands between `<!-- bench: X -->` and `<!-- /bench -->`: X.md, or `summary of X.json`. */
const section =
  /(<!-- bench: (summary of )?([\w-]+)\.(?:md|json) -->\n)[\s\S]*?(<!-- \/bench -->)/g;

/** A document's text with the results of today. */
export async function fillIn(text: string): Promise<string> {
  const parts: string[] = [];
  let end = 0;
  for (const { 0: whole, 1: opening, 2: isSummary, 3: name, 4: closing, index } of text.matchAll(
    section,
  )) {
    const content = isSummary
      ? writeSummary(JSON.parse(await readFile(resolve(results, `${name}.json`), 'utf8')) as Report)
      : await readFile(resolve(results, `${name}.md`), 'utf8');
    parts.push(
      text.slice(end, index),
      opening as string,
      `\n${content.trim()}\n\n`,
      closing as string,
    );
    end = index + whole.length;
  }
  return parts.join('') + text.slice(end);
}

/** Writes documents anew whose results have changed. Returns their paths. */
export async function updateDocs(): Promise<string[]> {
  const changed: string[] = [];
  for (const path of documents) {
    const text = await readFile(path, 'utf8');
    const filled = await fillIn(text);
    if (filled === text) continue;
    await writeFile(path, filled);
    changed.push(path);
  }
  return changed;
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) console.log(await updateDocs());
