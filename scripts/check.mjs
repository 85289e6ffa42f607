/** `npm run check`: every check that runs no test. All of them run; any failure fails the command. */
import { ensureBuilt, prepare, runNpm } from './bootstrap.mjs';

const checks = [
  ['format and lint', 'check:format'],
  ['types', 'check:types'],
  ['import directions', 'check:arrows'],
  ['generated files', 'generate:check'],
  ['package', 'check:package'],
  ['bundle size', 'check:size'],
  ['documentation of the API', 'check:docs'],
];

await prepare({ build: false });
const failed = [];
for (const [title, script] of checks) {
  if (script === 'check:package') await attemptBuild();
  console.log(`\n── ${title} (npm run ${script})`);
  if ((await runNpm(['run', '--silent', script])) !== 0) failed.push(title);
}
console.log(
  failed.length === 0 ? '\nEvery check passed.' : `\nChecks that failed: ${failed.join(', ')}.`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

async function attemptBuild() {
  console.log('\n── build (npm run build)');
  try {
    await ensureBuilt();
  } catch (error) {
    console.error(error.message);
    failed.push('build');
  }
}
