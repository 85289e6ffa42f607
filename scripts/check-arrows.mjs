/** Checks which room of src/ imports which (.dependency-cruiser.cjs), and that modules were seen. */
import { cruise } from 'dependency-cruiser';
import readConfiguration from 'dependency-cruiser/config-utl/extract-depcruise-config';
import readTypeScriptConfiguration from 'dependency-cruiser/config-utl/extract-ts-config';

const { forbidden, options } = await readConfiguration('./.dependency-cruiser.cjs');
const { output } = await cruise(
  ['src'],
  { ...options, ruleSet: { forbidden }, validate: true },
  undefined,
  { tsConfig: readTypeScriptConfiguration('tsconfig.json') },
);
const { violations } = output.summary;
const modules = output.modules.filter(({ source }) => source.startsWith('src/'));
const imports = modules.flatMap(({ dependencies }) => dependencies).length;

for (const { rule, from, to, cycle } of violations) {
  const way = cycle ? cycle.map(({ name }) => name).join(' → ') : to;
  const { comment } = forbidden.find(({ name }) => name === rule.name) ?? {};
  console.error(`${rule.name}: ${from} → ${way}\n  ${comment}`);
}
const sawNothing = modules.length === 0 || imports === 0;
if (sawNothing) {
  console.error(
    `check:arrows saw ${modules.length} modules and ${imports} imports in src/, expected both above 0. ` +
      'See that dependency-cruiser supports the installed TypeScript.',
  );
}
console.log(`${modules.length} modules, ${imports} imports, ${violations.length} violations`);
process.exitCode = sawNothing || violations.length > 0 ? 1 : 0;
