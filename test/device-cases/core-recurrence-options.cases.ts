import { recurrenceExtras } from '../../src/ops/recurrence-extras.ts';
import type { DeviceCase } from './case.ts';
import { cellOptionVariants, cellVariants } from './core-variants.ts';
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

/** One kind of each WGSL cell. */
const shaders = new Map(
  cellVariants.toReversed().map((variant) => [variant.cell.shader, variant] as const),
);

export const cases: readonly DeviceCase[] = [
  ...cellOptionVariants.map(
    (variant, index): DeviceCase => ({
      name: `${variant.name}: forward and all gradients`,
      run: (device) => check(device, variant, form, index % 2 ? 'stepwise' : 'persistent'),
    }),
  ),
  ...[...shaders.values()].flatMap((variant) =>
    recurrenceExtras
      .filter((name) => name !== 'mask' || variant.cell.multiplies)
      .filter((name) => name !== 'zoneout' || new Set(variant.cell.statePhases).size === 1)
      .map(
        (name, index): DeviceCase => ({
          name: `${variant.name} with ${name}: forward and all gradients in both directions`,
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
    name: 'lengths, mask and zoneout together, resident as well',
    async run(device) {
      const variant = shaders.get('lstm') as (typeof cellVariants)[number];
      const own = { ...form, extras: [...recurrenceExtras] };
      for (const strategy of ['persistent', 'stepwise', 'resident'] as const) {
        await check(device, variant, own, strategy);
      }
      await check(device, variant, { ...own, steps: 1 }, 'stepwise');
    },
  },
];
