import { printCases } from './print-cases.ts';

await printCases({ full: false });
