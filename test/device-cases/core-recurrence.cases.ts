import type { Device } from '../../src/device/device.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { kernels } from '../../src/kernels/generated/index.ts';
import { packStruct, unpackStruct } from '../../src/kernels/pack.ts';
import { recurrenceExtras } from '../../src/ops/recurrence-extras.ts';
import type { BufferView, Launch, Plan, PlanBuffer } from '../../src/schedule/plan.ts';
import { assertEqual, assertTrue, casesOf, type DeviceCase, forEachOf } from './case.ts';
import { compareCore, runCore } from './core-rig.ts';
import {
  type CellVariant,
  cellVariants,
  fullUnlessQuick,
  quickVariants,
  shaderVariants,
} from './core-variants.ts';
import {
  buildRecurrence,
  check,
  drawWeights,
  type Form,
  isRecurrence,
  recurrencesOf,
} from './recurrence-rig.ts';

/** The plan with every recurrence dispatch cut in two: the first three steps, and the others. */
function cutRecurrences(plan: Plan): Plan {
  const buffers = plan.buffers.map((buffer) => ({ ...buffer }));
  const uniforms = buffers.find(({ role }) => role === 'uniform') as PlanBuffer;
  const cut = (launch: Launch): Launch[] => {
    if (!isRecurrence(launch)) return [launch];
    const span = launch.bindings.span as BufferView;
    const old = uniforms.content as Uint8Array;
    const content = new Uint8Array(old.byteLength + 512);
    content.set(old);
    const words = old.slice(span.offsetBytes, span.offsetBytes + span.bytes);
    const { struct } = kernels[launch.kernel as 'recurrence-forward'].bindings.span;
    const values = unpackStruct(struct, words);
    const [first, count, prologue, reverse] = values.walk_0 as [number, number, number, number];
    const cutAt = (walk: readonly number[]) => packStruct(struct, { ...values, walk_0: walk });
    content.set(cutAt([first, 3, prologue, reverse]), old.byteLength);
    content.set(cutAt([first + 3, count - 3, 0, reverse]), old.byteLength + 256);
    Object.assign(uniforms, { content, bytes: content.byteLength });
    return [0, 256].map((offset) => {
      const view = { ...span, offsetBytes: old.byteLength + offset };
      return { ...launch, bindings: { ...launch.bindings, span: view } };
    });
  };
  return { ...plan, launches: plan.launches.flatMap(cut), buffers };
}

/**
 * Extents of 1, odd, a multiple of no tile, more rows than a thread holds (batch 9), more units than a
 * workgroup has lanes (hidden 300). Few rows elsewhere: a software adapter compiles large tiles slowly.
 */
const smallForm: Form = {
  steps: 3,
  batch: 2,
  hiddenSize: 5,
  reverse: true,
  bias: true,
  consumed: 'both',
  weights: true,
};
const moreForms: readonly Form[] = [
  { ...smallForm, steps: 1, batch: 1, hiddenSize: 1, reverse: false, consumed: 'final' },
  { ...smallForm, steps: 2, batch: 9, hiddenSize: 7, bias: false, consumed: 'output' },
  { ...smallForm, batch: 1, hiddenSize: 300, reverse: false, bias: false, weights: false },
];
const canHold = ({ multiplies, norms }: CellVariant['cell']) => multiplies && !norms;
const strategies = ['persistent', 'stepwise'] as const;

const twoPhases = quickVariants.find(({ cell }) => cell.phases.length === 2);

/** What the kernels around the cells need: they build for seconds, and a cell's own code is tested elsewhere. */
const fewShaders = shaderVariants.slice(0, 2);
const otherShaders = shaderVariants.slice(2);
/** One of two phases among them: what is staged is that of a phase. */
const heldShaders = [...fewShaders, ...(twoPhases ? [twoPhases] : [])].filter(({ cell }) =>
  canHold(cell),
);
const otherHeldShaders = otherShaders.filter(({ cell }) => canHold(cell));
const fullUnlessOneOf = (few: readonly CellVariant[], variant: CellVariant) =>
  few.includes(variant) ? {} : { full: true as const };

/** More units than quads, and a last unit of a quad, a last quad of k and a last turn of the slices that are not full. */
const heldForm: Form = { ...smallForm, steps: 17, batch: 1, hiddenSize: 22, weights: false };

const extrasOf = ({ cell }: CellVariant) =>
  recurrenceExtras.filter((name) => name !== 'zoneout' || cell.allowsZoneout);

/** As on an adapter whose subgroups are quads, where weights are held if it has subgroups at all. */
async function checkHeld(device: Device, variant: CellVariant, form: Form): Promise<void> {
  await check(device, variant, form, 'persistent', {
    laneWidth: 4,
    registers: 0,
    editPlan(plan) {
      const forward = plan.launches.filter(({ kernel }) => kernel === 'recurrence-forward');
      const holds = forward.every(({ constants }) => Number(constants.held_quads) > 0);
      const expected = device.info.software && device.features.has('subgroups');
      assertTrue(holds === expected, `weights are ${holds ? '' : 'not '}held`);
      return plan;
    },
  });
}

/** More rows than workgroups, and as above units, quads and rows that do not come out even. */
const wideHeldForm: Form = { ...smallForm, steps: 7, batch: 17, hiddenSize: 22, weights: false };

/** As on a GPU whose registers are known, in two dispatches. */
async function checkWideHeld(device: Device, variant: CellVariant, form: Form): Promise<void> {
  await check(device, variant, form, 'persistent', {
    laneWidth: 32,
    registers: 65_536,
    editPlan(plan) {
      const recurrences = recurrencesOf(plan);
      const held = recurrences.filter(({ constants }) => Number(constants.held_quads) > 0);
      const expected = device.features.has('subgroups') ? recurrences.length : 0;
      assertEqual(held.length, expected, 'recurrences that hold their weights');
      return cutRecurrences(plan);
    },
  });
}

/** More rows than a thread holds, more units than a quad has, and a last tile, quad of k and rows that are not full. */
const quadForm: Form = { ...smallForm, steps: 7, batch: 19, hiddenSize: 22, weights: false };

/** As on an adapter whose subgroups are quads, in two dispatches. */
async function checkQuads(device: Device, variant: CellVariant, form: Form): Promise<void> {
  await check(device, variant, form, 'persistent', {
    laneWidth: 4,
    editPlan(plan) {
      const recurrences = recurrencesOf(plan);
      const quads = recurrences.filter(({ constants }) => constants.lanes === 4);
      const expected = device.info.software && device.features.has('subgroups');
      assertEqual(quads.length, expected ? recurrences.length : 0, 'recurrences of quads');
      return cutRecurrences(plan);
    },
  });
}

async function checkInference(
  device: Device,
  { cell }: CellVariant,
  strategy: (typeof strategies)[number],
): Promise<void> {
  const { outputs, inputs } = buildRecurrence(cell, smallForm);
  const { output, final } = outputs as { output: SymbolicTensor; final: SymbolicTensor };
  await compareCore(
    device,
    { output, final },
    {
      kind: 'inference',
      inputs,
      parameters: drawWeights(cell, smallForm.hiddenSize),
      strategy,
      steps: smallForm.steps,
      fanIn: cell.gates.length * smallForm.hiddenSize,
    },
  );
}

export const cases: readonly DeviceCase[] = [
  ...cellVariants.map(
    (variant): DeviceCase => ({
      name: `${variant.name}: forward and all gradients with both strategies`,
      // The normalised LSTM has all that the other normalised cells have.
      ...(variant.kind === 'lstm' ? {} : fullUnlessQuick(variant)),
      async run(device) {
        for (const strategy of strategies) await check(device, variant, smallForm, strategy);
      },
    }),
  ),
  ...shaderVariants.flatMap((variant): DeviceCase[] => [
    {
      name: `${variant.name}: one workgroup runs the whole plan`,
      ...fullUnlessOneOf(fewShaders, variant),
      run: (device) => check(device, variant, smallForm, 'resident'),
    },
    {
      name: `${variant.name}: extents of 1, large batches and many units`,
      full: true,
      async run(device) {
        // The variance of a single unit's gates leaves gradients that are mere rounding.
        const least = variant.cell.norms ? 4 : 1;
        const forms = moreForms.map((form) => {
          return { ...form, hiddenSize: Math.max(least, form.hiddenSize) };
        });
        for (const strategy of strategies) {
          await forEachOf(forms, (form) => check(device, variant, form, strategy));
        }
        const few = forms.filter(({ hiddenSize }) => hiddenSize < 9);
        await forEachOf(few, (form) => check(device, variant, form, 'resident'));
      },
    },
    {
      name: `${variant.name}: the shapes that an adapter with 32 lanes gets`,
      // One cell of one phase does for the kernels, and one of two.
      ...(variant !== shaderVariants[0] && variant !== twoPhases && { full: true }),
      async run(device) {
        const wide: Form = { ...smallForm, weights: false };
        for (const strategy of strategies) {
          // More units than a workgroup has threads are several tiles.
          for (const hiddenSize of strategy === 'persistent' ? [5, 70, 300] : [5, 70]) {
            const form = { ...wide, hiddenSize };
            await check(device, variant, form, strategy, { laneWidth: 32, registers: 0 });
          }
        }
        await check(device, variant, smallForm, 'resident', { laneWidth: 32 });
      },
    },
  ]),
  ...casesOf(
    'inference keeps one step of saved activations and gives the same states',
    { quick: fewShaders, full: otherShaders },
    async (device, variant) => {
      for (const strategy of strategies) await checkInference(device, variant, strategy);
    },
  ),
  ...casesOf(
    'threads keep the weights of one row from step to step',
    { quick: heldShaders, full: otherHeldShaders },
    async (device, variant) => {
      await checkHeld(device, variant, heldForm);
      const extras = extrasOf(variant);
      await checkHeld(device, variant, { ...heldForm, reverse: false, extras });
    },
  ),
  ...casesOf(
    'a quad walks all units without barriers',
    { quick: heldShaders, full: otherHeldShaders },
    async (device, variant) => {
      await checkQuads(device, variant, quadForm);
      const extras = extrasOf(variant);
      await checkQuads(device, variant, { ...quadForm, batch: 5, reverse: false, extras });
    },
  ),
  ...casesOf(
    'threads keep the weights from step to step in registers of a GPU',
    { quick: heldShaders, full: otherHeldShaders },
    async (device, variant) => {
      await checkWideHeld(device, variant, wideHeldForm);
      const extras = extrasOf(variant);
      await checkWideHeld(device, variant, { ...wideHeldForm, batch: 3, reverse: false, extras });
    },
  ),
  {
    name: 'a dispatch that only copies the first state takes no step',
    async run(device) {
      const [lstm] = quickVariants.filter(({ kind }) => kind === 'lstm') as [CellVariant];
      const form: Form = { ...smallForm, hiddenSize: 70, weights: false };
      const { outputs, inputs } = buildRecurrence(lstm.cell, form);
      const editPlan = (plan: Plan): Plan => {
        const first = plan.launches.findIndex(isRecurrence);
        const launches = plan.launches.filter(
          (launch, at) => at === first || !isRecurrence(launch),
        );
        return { ...plan, launches };
      };
      const parameters = drawWeights(lstm.cell, form.hiddenSize);
      const run = { inputs, parameters, strategy: 'stepwise', editPlan } as const;
      const { tensors } = await runCore(device, outputs, run);
      const output = tensors.get('output') as Float32Array;
      assertTrue(output.every(Number.isNaN), 'a step has been taken');
    },
  },
  {
    name: 'slices of many units are walked in rounds, the last of them not full',
    full: true,
    async run(device) {
      const form: Form = { ...smallForm, steps: 2, hiddenSize: 1100, weights: false };
      const lstm = quickVariants.find(({ kind }) => kind === 'lstm') as CellVariant;
      await check(device, lstm, form, 'stepwise', {
        laneWidth: 32,
        registers: 0,
        editPlan(plan) {
          // A round has at most 64 quads of weights.
          const { constants } =
            plan.launches.find(({ kernel }) => kernel === 'recurrence-forward') ?? {};
          const quads = Math.ceil(1100 / 4 / Number(constants?.slices));
          assertTrue(quads % 16 > 0 && quads > 16, `a slice has ${quads} quads`);
          return plan;
        },
      });
    },
  },
  ...casesOf(
    'a dispatch goes on where the one before has stopped',
    { quick: fewShaders, full: otherShaders },
    // As the scheduler cuts long sequences, which would take seconds here; see the plans' unit tests.
    (device, variant) =>
      check(device, variant, { ...smallForm, steps: 7 }, 'persistent', {
        editPlan: cutRecurrences,
      }),
  ),
];
