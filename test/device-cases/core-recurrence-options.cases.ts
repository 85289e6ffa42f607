import { recurrenceExtras } from '../../src/ops/recurrence-extras.ts';
import type { DeviceCase } from './case.ts';
import {
  type CellVariant,
  cellOptionVariants,
  fullUnlessQuick,
  shaderVariants,
} from './core-variants.ts';
import { check, type Form } from './recurrence-rig.ts';

const form: Form = {
  steps: 4,
  batch: 3,
  hiddenSize: 6,
  reverse: false,
  bias: true,
  consumed: 'both',
  weights: true,
};

const lstm = shaderVariants.find(({ kind }) => kind === 'lstm') as CellVariant;
const allExtras: Form = { ...form, extras: [...recurrenceExtras] };

export const cases: readonly DeviceCase[] = [
  ...cellOptionVariants.map(
    (variant, index): DeviceCase => ({
      name: `${variant.name}: forward and all gradients`,
      // An activation by itself is a line of WGSL.
      ...((Object.keys(variant.options).join() === 'nonlinearity' || variant.cell.norms) && {
        full: true,
      }),
      run: (device) => check(device, variant, form, index % 2 ? 'stepwise' : 'persistent'),
    }),
  ),
  ...shaderVariants.flatMap((variant) =>
    recurrenceExtras
      .filter((name) => name !== 'mask' || variant.cell.multiplies)
      .filter((name) => name !== 'zoneout' || variant.cell.allowsZoneout)
      .map(
        (name, index): DeviceCase => ({
          name: `${variant.name} with ${name}: forward and all gradients in both directions`,
          ...(name !== 'lengths' && variant !== shaderVariants[0] && { full: true }),
          ...fullUnlessQuick(variant),
          async run(device) {
            const strategies = ['persistent', 'stepwise'] as const;
            for (const [turn, reverse] of [false, true].entries()) {
              const own = { ...form, reverse, extras: [name] };
              await check(device, variant, own, strategies[(index + turn) % 2] as 'persistent');
            }
          },
        }),
      ),
  ),
  {
    name: 'lengths, mask and zoneout together',
    async run(device) {
      for (const strategy of ['persistent', 'stepwise'] as const) {
        await check(device, lstm, allExtras, strategy);
      }
      await check(device, lstm, { ...allExtras, steps: 1 }, 'stepwise');
    },
  },
  {
    name: 'lengths, mask and zoneout together in one workgroup',
    full: true,
    run: (device) => check(device, lstm, allExtras, 'resident'),
  },
];
