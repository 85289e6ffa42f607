import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { writeMarkdown } from './markdown.ts';
import type { Report } from './report.ts';

const resultsFolder = resolve(import.meta.dirname, 'results');

/** bench/peers/src/render.ts, which is loaded only where its packages are installed. */
interface PlotModule {
  renderPlot(report: Report): string;
}

/**
 * Writes a report as JSON, Markdown and a plot beside each other, and says where.
 *
 * @param path - of the JSON; undefined: bench/results/, by the report's name.
 * @param canPlot - Whether the packages that draw are installed.
 */
export async function writeReport(
  report: Report,
  path: string | undefined,
  canPlot: boolean,
): Promise<void> {
  const json = path === undefined ? resolve(resultsFolder, `${report.name}.json`) : resolve(path);
  const base = json.replace(/\.json$/, '');
  await mkdir(dirname(json), { recursive: true });
  await writeFile(json, `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(`${base}.md`, writeMarkdown(report));
  const written = [json, `${base}.md`];
  if (canPlot) {
    const address = new URL('peers/src/render.ts', import.meta.url).href;
    const { renderPlot } = (await import(address)) as PlotModule;
    await writeFile(`${base}.svg`, renderPlot(report));
    written.push(`${base}.svg`);
  } else {
    console.log('\nNo plot: what draws it is installed when peers take part.');
  }
  console.log(`\nwritten: ${written.map((file) => relative(process.cwd(), file)).join(', ')}`);
}
