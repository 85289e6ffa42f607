import type { CaseSelection } from '../device-cases/all.ts';
import { reportCases } from '../device-cases/report.ts';

/** Runs the part of the shared cases that GATEFOLD_CASES_PART names, and prints what run.mjs reads. */
export async function printCases(selection: CaseSelection): Promise<void> {
  const { adapter, results } = await reportCases(selection, process.env.GATEFOLD_CASES_PART);
  for (const { name, error, skipped, seconds } of results) {
    const time = `(${seconds.toFixed(1)} s)`;
    if (skipped !== undefined) console.log(`NOT RUN ${name}: ${skipped}`);
    else console.log(error === undefined ? `PASS ${name} ${time}` : `FAIL ${name}\n${error}`);
  }
  const failed = results.filter(({ error }) => error !== undefined).length;
  const skipped = results.filter((result) => result.skipped !== undefined).length;
  const passed = results.length - failed - skipped;
  console.log(JSON.stringify({ adapter, passed, failed, skipped }));
}
