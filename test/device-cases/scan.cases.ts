import type { ScanCell } from '../../src/cells/scan-cell.ts';
import type { Device } from '../../src/device/device.ts';
import { input } from '../../src/graph/sources.ts';
import type { SymbolicTensor } from '../../src/graph/tensor.ts';
import { kernels } from '../../src/kernels/generated/index.ts';
import { packStruct, unpackStruct } from '../../src/kernels/pack.ts';
import { embedding, lastStep, linear, oneHot } from '../../src/layers/basic.ts';
import { minGru, minLstm } from '../../src/layers/min-rnn.ts';
import { type Model, model, sequential } from '../../src/layers/model.ts';
import { lstm } from '../../src/layers/recurrent.ts';
import { add, multiply } from '../../src/ops/binary.ts';
import { differentiate } from '../../src/ops/differentiate.ts';
import { sum } from '../../src/ops/reduce.ts';
import { scan } from '../../src/ops/scan.ts';
import type { BufferView, Launch, Plan } from '../../src/schedule/plan.ts';
import { assertEqual, assertTrue, casesOf, type DeviceCase, forEachOf } from './case.ts';
import { type CoreRun, compareCore } from './core-rig.ts';
import { checkModel } from './core-stacks.cases.ts';
import { type CellVariant, scanVariants } from './core-variants.ts';
import { makeNoise } from './training-rig.ts';

interface Form {
  readonly steps: number;
  readonly batch: number;
  readonly hiddenSize: number;
  readonly reverse: boolean;
  readonly consumed: 'output' | 'final' | 'both';
  /** Steps of each row that are not padding. */
  readonly lengths?: readonly number[];
}

/** What errors pass through: a is below 1, so that those of long ago are forgotten. */
const REMEMBERED_STEPS = 16;
const VOCABULARY = 6;

function buildScan(cell: ScanCell, form: Form) {
  const { steps, batch, hiddenSize, reverse, consumed } = form;
  const lengths = form.lengths && input('lengths', [batch], 'i32');
  const projected = input('projected', [steps, batch, cell.gates.length * hiddenSize]);
  const initial = input('initial', [1, batch, hiddenSize]);
  const { output, final } = scan({ projected, initial, lengths }, { cell, reverse });
  const weigh = (tensor: SymbolicTensor, name: string) =>
    sum(multiply(tensor, input(name, tensor.shape)));
  const [ofOutput, ofFinal] = [weigh(output, 'of_output'), weigh(final, 'of_final')];
  const loss = { output: ofOutput, final: ofFinal, both: add(ofOutput, ofFinal) }[consumed];
  const [dProjected, dInitial] = differentiate(loss, [projected, initial]);
  const inputs = {
    projected: makeNoise(projected.size, 1, 2),
    initial: makeNoise(initial.size, 2),
    of_output: makeNoise(output.size, 3),
    of_final: makeNoise(final.size, 4),
    ...(form.lengths && { lengths: Int32Array.from(form.lengths) }),
  };
  const outputs = { output, final, d_projected: dProjected, d_initial: dInitial };
  return { outputs: outputs as Readonly<Record<string, SymbolicTensor>>, inputs };
}

/** The plan with every scan's dispatch cut in three. */
function cutScans(plan: Plan): Plan {
  const buffers = plan.buffers.map((buffer) => ({ ...buffer }));
  const uniforms = buffers.find(({ role }) => role === 'uniform');
  const cut = (launch: Launch): Launch[] => {
    if (!launch.kernel.startsWith('scan-')) return [launch];
    const span = launch.bindings.span as BufferView;
    const old = uniforms?.content as Uint8Array;
    const { struct } = kernels[launch.kernel as 'scan-forward'].bindings.span;
    const own = old.slice(span.offsetBytes, span.offsetBytes + span.bytes);
    const { steps } = unpackStruct(struct, own) as { steps: number };
    const places = [0, 2, 3, steps].map((first, index, all) => ({ first, end: all[index + 1] }));
    const content = new Uint8Array(old.byteLength + 3 * 256);
    content.set(old);
    const parts = places.slice(0, 3).map((place, index) => {
      const offsetBytes = old.byteLength + 256 * index;
      content.set(packStruct(struct, { ...place, steps } as never), offsetBytes);
      return { ...launch, bindings: { ...launch.bindings, span: { ...span, offsetBytes } } };
    });
    Object.assign(uniforms ?? {}, { content, bytes: content.byteLength });
    return parts;
  };
  return { ...plan, launches: plan.launches.flatMap(cut), buffers };
}

async function check(
  device: Device,
  cell: ScanCell,
  form: Form,
  choices: Pick<CoreRun, 'laneWidth' | 'strategy' | 'editPlan'> & { readonly only?: string } = {},
): Promise<void> {
  const { outputs, inputs } = buildScan(cell, form);
  const { only, ...run } = choices;
  const read = only === undefined ? outputs : { [only]: outputs[only] as SymbolicTensor };
  const { plan } = await compareCore(device, read, {
    kind: 'scan',
    inputs,
    ...run,
    steps: Math.min(form.steps, REMEMBERED_STEPS),
    fanIn: cell.gates.length,
  });
  const launches = plan.launches.filter(({ kernel }) => kernel.startsWith('scan-'));
  const parts = choices.editPlan ? 3 : 1;
  assertEqual(launches.length, parts * (only === undefined ? 2 : 1), 'dispatches of scans');
}

const small: Form = { steps: 3, batch: 2, hiddenSize: 5, reverse: false, consumed: 'both' };
/** 32 steps are a block on a GPU, 4 what a thread combines. */
const lengths = { quick: [1, 5, 33], full: [2, 3, 4, 31, 32, 100, 2500] };

/** The first variant of every shader gets many lengths; the others differ from it in a constant only. */
const shaders = new Map(
  scanVariants.toReversed().map((variant) => [variant.cell.shader, variant] as const),
);
const [first, second] = [...shaders.values()] as [CellVariant<ScanCell>, CellVariant<ScanCell>];

const checkLength = (device: Device, cell: ScanCell, steps: number) =>
  forEachOf([4, 32], (laneWidth) =>
    check(device, cell, { ...small, steps, reverse: steps > 32 }, { laneWidth }),
  );

const models: Readonly<Record<string, () => Model>> = {
  'two bidirectional layers of the minimal LSTM': () =>
    sequential([
      embedding(VOCABULARY, 3),
      minLstm(3, { layers: 2, direction: 'bidirectional', forgetBias: 1 }),
      linear(VOCABULARY),
    ]),
  'a reverse minimal GRU without a bias, many to one': () =>
    sequential([
      oneHot(VOCABULARY),
      minGru(5, { direction: 'reverse', bias: false, candidate: 'positive' }),
      lastStep(),
      linear(3),
    ]),
  'a scan below an LSTM': () =>
    sequential([oneHot(VOCABULARY), minGru(5), lstm(3), linear(VOCABULARY)]),
  'an encoder that hands its state to a decoder': () => {
    const [embed, head] = [embedding(VOCABULARY, 4), linear(VOCABULARY)];
    const [encoder, decoder] = [minGru(3, { layers: 2 }), minGru(3, { layers: 2 })];
    return model(({ input: x, target }) => {
      const { state } = encoder.run(embed(x as SymbolicTensor));
      return head(decoder.run(embed(target as SymbolicTensor), state).output);
    });
  },
};

export const cases: readonly DeviceCase[] = [
  ...[...shaders.values()].flatMap(({ name, cell }) =>
    casesOf(`${name}: forward and all gradients, for many lengths`, lengths, (device, steps) =>
      checkLength(device, cell, steps),
    ),
  ),
  ...scanVariants
    .filter((variant) => shaders.get(variant.cell.shader) !== variant)
    .map(({ name, cell }) => ({
      name: `${name}: forward and all gradients`,
      full: true as const,
      run: (device: Device) => checkLength(device, cell, 33),
    })),
  ...casesOf<Form>(
    'either consumer, other sizes, both directions, a lane too many and a workgroup more',
    {
      quick: [
        { ...small, batch: 1, hiddenSize: 1, consumed: 'final' },
        { ...small, steps: 7, batch: 3, hiddenSize: 11, consumed: 'output', reverse: true },
      ],
      full: [
        { ...small, steps: 40, batch: 5, hiddenSize: 13, consumed: 'final', reverse: true },
        { ...small, steps: 37, batch: 1, hiddenSize: 70 },
      ],
    },
    async (device, form) => {
      await check(device, first.cell, form, { laneWidth: 4 });
      await check(device, second.cell, form, { laneWidth: 32 });
    },
  ),
  {
    name: 'rows that end early, or are nothing but padding',
    run: (device) =>
      forEachOf([false, true], async (reverse) => {
        const form: Form = { ...small, steps: 37, batch: 4, reverse, lengths: [37, 0, 1, 33] };
        await check(device, first.cell, form, { laneWidth: 4 });
        await check(device, second.cell, form, { laneWidth: 32 });
      }),
  },
  {
    name: 'more sequences than a GPU needs take one thread each',
    async run(device) {
      const form: Form = { ...small, steps: 2, batch: 64, hiddenSize: 2049 };
      await check(device, first.cell, form, { laneWidth: 32 });
    },
  },
  {
    name: 'a dispatch goes on where the one before has stopped',
    async run(device) {
      // As the scheduler cuts extremely long sequences; see the unit tests of plans.
      const form: Form = { ...small, steps: 37 };
      for (const reverse of [false, true]) {
        await check(device, first.cell, { ...form, reverse }, { editPlan: cutScans });
      }
      await check(device, first.cell, form, { editPlan: cutScans, laneWidth: 32 });
    },
  },
  {
    name: 'one workgroup runs the whole plan',
    run: (device) =>
      forEachOf([small, { ...small, steps: 9, batch: 3, hiddenSize: 11, reverse: true }], (form) =>
        forEachOf(shaders.values(), ({ cell }) =>
          check(device, cell, form, { strategy: 'resident' }),
        ),
      ),
  },
  {
    name: 'inference asks for the output or the last state alone',
    run: (device) =>
      forEachOf(['output', 'final'], (only) =>
        forEachOf([4, 32], (laneWidth) =>
          check(device, first.cell, { ...small, steps: 35 }, { laneWidth, only }),
        ),
      ),
  },
  {
    name: 'gates that saturate give no NaN, forward or backward',
    async run(device) {
      for (const { cell } of shaders.values()) {
        const { outputs, inputs } = buildScan(cell, { ...small, steps: 40 });
        const projected = makeNoise(inputs.projected.length, 1, 200);
        const { tensors } = await compareCore(device, outputs, {
          kind: 'saturated scan',
          inputs: { ...inputs, projected },
          steps: 40,
          fanIn: cell.gates.length,
        });
        for (const [name, values] of tensors) {
          assertTrue(Array.from(values).every(Number.isFinite), `${name} is not finite`);
        }
      }
    },
  },
  ...Object.entries(models).map(([name, build]) => ({
    name: `${name}: loss and gradients`,
    run: (device: Device) => checkModel(device, build(), 'scan stack', [undefined]),
  })),
  ...Object.entries(models).map(([name, build]) => ({
    name: `${name}: loss and gradients in half precision`,
    needs: 'shader-f16' as const,
    run: (device: Device) => checkModel(device, build(), 'f16 scan', [undefined], 'f16'),
  })),
];
