import { reportCases } from '../device-cases/report.ts';

const { adapter, results } = await reportCases();
for (const { name, error, skipped } of results) {
  if (skipped !== undefined) console.log(`NOT RUN ${name}: ${skipped}`);
  else console.log(error === undefined ? `PASS ${name}` : `FAIL ${name}\n${error}`);
}
const failed = results.filter(({ error }) => error !== undefined).length;
const skipped = results.filter((result) => result.skipped !== undefined).length;
const passed = results.length - failed - skipped;
console.log(JSON.stringify({ adapter, passed, failed, skipped }));
