import type { Device } from '../../src/device/device.ts';
import type { Precision } from '../../src/graph/operator.ts';
import { recurrenceExtras } from '../../src/ops/recurrence-extras.ts';
import { assertEqual, assertTrue, casesOf, type DeviceCase, forEachOf } from './case.ts';
import { type CellVariant, quickVariants } from './core-variants.ts';
import { apartShapes, check, type Form, recurrencesOf } from './recurrence-rig.ts';

/** Cells whose products can be launches of their own. */
const variants = quickVariants.filter(
  ({ cell, options }) => cell.multiplies && options.projectionSize === undefined,
);
const lstm = variants.find(({ kind }) => kind === 'lstm') as CellVariant;
const fewVariants = variants.filter(
  ({ kind, cell }) => kind === 'rnn' || kind === 'lstm' || cell.phases.length === 2,
);

/** Odd extents, and weights that are one tile of columns less than full. */
const oddForm: Form = {
  ...{ steps: 4, batch: 3, hiddenSize: 5, reverse: true, bias: true },
  ...{ consumed: 'both', weights: true },
};
/** More rows than a tile has, whole tiles of weights; and tiles that the gates of a phase do not fill. */
const forms: readonly Form[] = [
  oddForm,
  { ...oddForm, steps: 3, batch: 35, hiddenSize: 32, reverse: false, consumed: 'output' },
  { ...oddForm, steps: 2, batch: 2, hiddenSize: 33, bias: false, consumed: 'final' },
];

async function checkApart(
  device: Device,
  variant: CellVariant,
  form: Form,
  choices: { readonly laneWidth?: number; readonly precision?: Precision } = {},
): Promise<void> {
  await check(device, variant, form, 'stepwise', {
    ...choices,
    tuning: apartShapes(device),
    editPlan(plan) {
      const kernels = new Set(recurrencesOf(plan).map(({ kernel }) => kernel));
      const expected = ['recurrence-forward-cell', 'recurrence-backward-cell'];
      assertEqual([...kernels].join(), expected.join(), 'kernels of the recurrence');
      const products = plan.launches.filter(({ label }) => label.includes('.products'));
      assertTrue(products.length > 0, 'there are no products');
      return plan;
    },
  });
}

const extrasOf = ({ cell }: CellVariant) =>
  recurrenceExtras.filter((name) => name !== 'zoneout' || cell.allowsZoneout);

export const cases: readonly DeviceCase[] = [
  ...casesOf(
    'a step’s products are launches of their own',
    { quick: fewVariants, full: variants.filter((variant) => !fewVariants.includes(variant)) },
    async (device, variant) => {
      await forEachOf(forms, (form) => checkApart(device, variant, form));
      await checkApart(device, variant, { ...oddForm, extras: extrasOf(variant) });
    },
  ),
  {
    name: 'a step’s products are launches of their own, as on a GPU',
    run: (device) => checkApart(device, lstm, { ...oddForm, hiddenSize: 70 }, { laneWidth: 32 }),
  },
  {
    name: 'a step’s products are launches of their own, in half precision',
    needs: 'shader-f16',
    run: (device) => checkApart(device, lstm, forms[1] as Form, { precision: 'f16' }),
  },
];
