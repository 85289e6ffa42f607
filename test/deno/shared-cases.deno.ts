import { reportCases } from '../device-cases/report.ts';

const { adapter, results } = await reportCases();
for (const { name, error } of results) {
  console.log(error === undefined ? `PASS ${name}` : `FAIL ${name}\n${error}`);
}
const failed = results.filter(({ error }) => error !== undefined).length;
console.log(JSON.stringify({ adapter, passed: results.length - failed, failed }));
