/** `npm run build` builds dist/ when it is stale; `npm run build -- --force` builds it anyway. */
import { prepare } from './bootstrap.mjs';

await prepare({ force: process.argv.includes('--force') });
