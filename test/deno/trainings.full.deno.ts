import { printCases } from './print-cases.ts';

// On SwiftShader, where the other files ran on lavapipe: Node and Chromium have run every kernel on it.
await printCases({ group: 'topologies' });
