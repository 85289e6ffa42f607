/// <reference types="vite/client" />
import type { DeviceCase } from './case.ts';

const modules = import.meta.glob<{ readonly cases: readonly DeviceCase[] }>('./*.cases.ts', {
  eager: true,
});

/** Every case of every `*.cases.ts` beside this file, in the order of their file names. */
export const deviceCases: readonly DeviceCase[] = Object.entries(modules).flatMap(
  ([file, { cases }]) => {
    const group = file.replace('./', '').replace('.cases.ts', '');
    return cases.map(({ name, ...rest }) => ({ name: `${group}: ${name}`, ...rest }));
  },
);
