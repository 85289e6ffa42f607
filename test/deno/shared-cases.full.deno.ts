import { printCases } from './print-cases.ts';

// Further sizes and variants run in Node and Chromium; what needs shader-f16 runs nowhere but here.
await printCases({ full: true, needs: 'shader-f16' });
