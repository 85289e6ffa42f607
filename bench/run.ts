/** `npm run bench`: see options.ts for what it takes, README.md for what it does. */
import { help, parseOptions } from './options.ts';

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.action === 'help') {
    console.log(help);
  } else if (options.action === 'serve') {
    await (await import('./serve.ts')).serve();
  } else if (options.action === 'reference') {
    await (await import('./store-reference.ts')).storeReference(options.workloads);
  } else {
    const modules = { chromium: './run-chromium.ts', node: './run-node.ts', deno: './run-deno.ts' };
    const module = (await import(modules[options.device])) as typeof import('./run-chromium.ts');
    process.exitCode = (await module.run(options)) ? 0 : 1;
  }
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  if (process.env.DEBUG && error instanceof Error) console.error(error.stack);
  process.exitCode = 2;
}
