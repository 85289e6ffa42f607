import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { arePeersInstalled } from './install-peers.ts';
import { writeMarkdown } from './markdown.ts';
import type { BenchOptions } from './options.ts';
import type { Report } from './report.ts';
import { updateDocs } from './update-docs.ts';

const resultsFolder = resolve(import.meta.dirname, 'results');

/** bench/peers/src/render.ts, which is loaded only where its packages are installed. */
interface PlotModule {
  renderPlot(report: Report): string;
}

/** What a run found, and what its files are called. */
export interface RunOutcome {
  readonly file: string;
  readonly reports: readonly Report[];
  /** For runs on several adapters: what was not run, and why. */
  readonly notRun?: readonly string[];
}

/** The name of a run's files: software adapters have their own, as their numbers say nothing of a GPU's. */
export function fileNameOf({ name, machine }: Report): string {
  return machine.isSoftware ? `${name}-software` : name;
}

/**
 * Writes what a run found as JSON, Markdown and plots beside each other, and says where. The results of a
 * whole run are those that the documents show.
 */
export async function writeReports(
  { file, reports, notRun }: RunOutcome,
  { json, isWhole }: Pick<BenchOptions, 'json' | 'isWhole'>,
): Promise<void> {
  const standard = resolve(resultsFolder, `${file}${isWhole ? '' : '-partial'}.json`);
  const path = json === undefined ? standard : resolve(json);
  const base = path.replace(/\.json$/, '');
  await mkdir(dirname(path), { recursive: true });
  const content = notRun ? joinReports(reports, notRun) : reports[0];
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`);
  await writeFile(`${base}.md`, writeMarkdown(reports, notRun));
  const written = [path, `${base}.md`];
  if (arePeersInstalled()) {
    const address = new URL('peers/src/render.ts', import.meta.url).href;
    const { renderPlot } = (await import(address)) as PlotModule;
    for (const report of reports) {
      const plot = `${base}${notRun ? `-${report.name}` : ''}.svg`;
      await writeFile(plot, renderPlot(report));
      written.push(plot);
    }
  } else {
    console.log('\nNo plot: what draws it is installed when peers take part.');
  }
  if (json === undefined && isWhole) written.push(...(await updateDocs()));
  console.log(`\nwritten: ${written.map((name) => relative(process.cwd(), name)).join(', ')}`);
}

/** Reports with all results in one list; each names its adapter. */
function joinReports(reports: readonly Report[], notRun: readonly string[]): object {
  return {
    format: 1,
    results: reports.flatMap(({ results }) => results),
    adapters: reports.map(({ results, ...rest }) => rest),
    notRun,
  };
}
