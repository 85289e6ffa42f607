/// <reference types="vite/client" />
import type { DeviceCase } from './case.ts';

const modules = import.meta.glob<{ readonly cases: readonly DeviceCase[] }>('./*.cases.ts', {
  eager: true,
});

/** Which cases to run. */
export interface CaseSelection {
  /** False: those of `npm test`. True: those that it leaves out. Default: both. */
  readonly full?: boolean;
  /** What their names begin with. */
  readonly group?: string;
  /** Only those that need this feature. */
  readonly needs?: GPUFeatureName;
}

/** Every case of every `*.cases.ts` beside this file, in the order of their file names. */
export const deviceCases: readonly DeviceCase[] = Object.entries(modules).flatMap(
  ([file, { cases }]) => {
    const group = file.replace('./', '').replace('.cases.ts', '');
    return cases.map(({ name, ...rest }) => ({ name: `${group}: ${name}`, ...rest }));
  },
);

export function selectCases(selection: CaseSelection): readonly DeviceCase[] {
  const { full, group = '', needs } = selection;
  return deviceCases.filter(
    (given) =>
      given.name.startsWith(group) &&
      (full === undefined || full === (given.full ?? false)) &&
      (needs === undefined || needs === given.needs),
  );
}
