import { adam, Network, Trainer } from '../src/index.ts';
import {
  firstToken,
  learningRate,
  makeBatches,
  makeData,
  makeInput,
  makeModel,
  makeWeights,
  seed,
} from './data.ts';
import type { Outcome } from './peer.ts';
import stored from './reference.json' with { type: 'json' };
import type { Workload } from './workloads.ts';

/** Distance between 1 and the next float32. */
const float32Epsilon = 2 ** -23;
/** Batch rows of `inference` whose outputs are compared: rows do not depend on each other. */
const comparedRows = 4;

/** How an outcome compares with the float64 reference. */
export interface Comparison {
  /** The error in units of what float32 may make; at most 1 if the outcome is right. */
  readonly ratio: number;
  /** What was compared and how far it is off. */
  readonly text: string;
}

/** What a workload must give, computed by Gatefold's float64 reference. */
export interface Reference {
  /**
   * @param step - how many steps the outcome is of, from 1, for `training`.
   * @returns undefined if the reference does not reach so far.
   */
  compare(outcome: Outcome, step: number): Promise<Comparison | undefined>;
}

/** Losses of training as they are kept in reference.json. */
export interface StoredLosses {
  /** Of first weights and data, so that numbers of other ones are not taken for theirs. */
  readonly fingerprint: string;
  readonly losses: readonly number[];
}

/**
 * Makes the reference of a workload. Losses come from reference.json, since the float64 steps of the larger
 * networks take half a minute each; everything else is computed here.
 *
 * @throws {Error} if reference.json does not belong to the weights and data of today.
 */
export async function makeReference(workload: Workload): Promise<Reference> {
  if (workload.kind === 'training') return referenceOfLosses(workload);
  const checkpoint = await makeCheckpoint(workload);
  const network = await Network.load({ device: 'reference', checkpoint });
  return workload.kind === 'sampling'
    ? referenceOfTokens(workload, network)
    : referenceOfOutputs(workload, network);
}

/** The workload's network with its first weights, as a file that Gatefold loads. */
export async function makeCheckpoint(workload: Workload): Promise<Uint8Array<ArrayBuffer>> {
  await using trainer = await createReferenceTrainer(workload);
  const state = await trainer.engine.exportState();
  const { layers, head } = makeWeights(workload);
  for (const [index, { ih }] of layers.entries()) {
    state.parameters.set(`${workload.cell}.weight_ih_l${index}`, Float64Array.from(ih.values));
  }
  if (head) state.parameters.set('linear.weight', Float64Array.from(head.weight.values));
  trainer.engine.importState(state);
  return trainer.checkpoint();
}

/** Losses of a workload's first steps, in float64. Slow. */
export async function computeLosses(workload: Workload, steps: number): Promise<StoredLosses> {
  await using trainer = await createReferenceTrainer(workload);
  const losses: number[] = [];
  for await (const { loss } of trainer.fit({ steps })) losses.push(loss);
  return { fingerprint: fingerprintOf(workload), losses };
}

function createReferenceTrainer(workload: Workload): Promise<Trainer> {
  return Trainer.create({
    device: 'reference',
    model: makeModel(workload),
    data: makeData(workload),
    loss: workload.kind === 'inference' ? 'mean-squared-error' : 'cross-entropy',
    optimizer: adam({ learningRate }),
    seed,
  });
}

async function referenceOfLosses(workload: Workload): Promise<Reference> {
  const known = await findLosses(workload);
  const first = (await known(1)) as number;
  const { steps, hiddenSize, inputSize } = workload;
  // Rounding errors of a sum grow with the root of its length, here all that is summed over T steps of T time
  // steps; each optimizer step adds its own.
  const perStep = 4 * float32Epsilon * Math.sqrt(steps * (hiddenSize + inputSize)) * first;
  return {
    compare: async (outcome, step) => {
      const expected = await known(step);
      if (expected === undefined || outcome.kind !== 'training') return undefined;
      const error = Math.abs(outcome.loss - expected);
      return {
        ratio: finite(error / (step * perStep)),
        text: `loss of step ${step} is ${outcome.loss}, the reference has ${expected}`,
      };
    },
  };
}

/** Losses by step: computed where that is cheap, else kept ones. */
async function findLosses(
  workload: Workload,
): Promise<(step: number) => Promise<number | undefined>> {
  const kept = (stored as Readonly<Record<string, StoredLosses>>)[workload.name];
  if (!kept) {
    const trainer = await createReferenceTrainer(workload);
    const losses: number[] = [];
    return async (step) => {
      if (step > losses.length) {
        const steps = step - losses.length;
        for await (const { loss } of trainer.fit({ steps })) losses.push(loss);
      }
      return losses[step - 1];
    };
  }
  if (kept.fingerprint !== fingerprintOf(workload)) {
    throw new Error(
      `bench/reference.json has losses of '${workload.name}' for other first weights or data. ` +
        'Compute them anew: npm run bench -- --reference',
    );
  }
  return (step) => Promise.resolve(kept.losses[step - 1]);
}

async function referenceOfTokens({ steps }: Workload, network: Network): Promise<Reference> {
  const expected = [
    ...(await network.sampleTokens([firstToken], { length: steps, temperature: 0 })),
  ];
  return {
    compare: (outcome) => {
      const tokens = outcome.kind === 'sampling' ? [...outcome.tokens] : [];
      const different = expected.findIndex((token, index) => token !== tokens[index]);
      const isRight = different < 0 && tokens.length === expected.length;
      return Promise.resolve({
        ratio: isRight ? 0 : Number.POSITIVE_INFINITY,
        text: isRight
          ? `${steps} tokens equal`
          : `token ${different} is ${tokens[different]}, the reference has ${expected[different]}`,
      });
    },
  };
}

async function referenceOfOutputs(workload: Workload, network: Network): Promise<Reference> {
  const { steps, batch, inputSize, hiddenSize } = workload;
  const rows = [...new Set(spread(batch, Math.min(batch, comparedRows)))];
  const input = makeInput(workload);
  const part = new Float32Array(steps * rows.length * inputSize);
  for (let step = 0; step < steps; step++) {
    for (const [index, row] of rows.entries()) {
      const start = (step * batch + row) * inputSize;
      part.set(input.subarray(start, start + inputSize), (step * rows.length + index) * inputSize);
    }
  }
  const shape = [steps, rows.length, inputSize];
  const { output } = await network.forward({ input: { data: part, shape } });
  const expected = output?.data as Float32Array;
  const bound = 4 * float32Epsilon * Math.sqrt(steps * (inputSize + hiddenSize));
  return {
    compare: (outcome) => {
      const got = outcome.kind === 'inference' ? outcome.output : new Float32Array();
      if (got.length !== steps * batch * hiddenSize) {
        const text = `${got.length} outputs, expected ${steps * batch * hiddenSize}`;
        return Promise.resolve({ ratio: Number.POSITIVE_INFINITY, text });
      }
      let worst = 0;
      for (const [at, value] of expected.entries()) {
        const [step, within] = [Math.floor(at / (rows.length * hiddenSize)), at % hiddenSize];
        const row = rows[Math.floor(at / hiddenSize) % rows.length] as number;
        const error = Math.abs((got[(step * batch + row) * hiddenSize + within] as number) - value);
        worst = error <= worst ? worst : error;
      }
      const text = `outputs of ${rows.length} of ${batch} rows are off by ${worst.toExponential(1)} at most`;
      return Promise.resolve({ ratio: finite(worst / bound), text });
    },
  };
}

/** `count` numbers from 0 to below `end`, first and last included. */
function spread(end: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) =>
    count === 1 ? 0 : Math.round((index * (end - 1)) / (count - 1)),
  );
}

/** A ratio; what is not a number is infinitely wrong. */
function finite(ratio: number): number {
  return Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio;
}

/** FNV-1a hash of first weights, tokens and learning rate. */
function fingerprintOf(workload: Workload): string {
  const { layers, head } = makeWeights(workload);
  const arrays = layers.flatMap(({ ih, hh, biasIh, biasHh }) => [ih, hh, biasIh, biasHh]);
  if (head) arrays.push(head.weight, head.bias);
  const words: (Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>)[] = [
    Float32Array.of(learningRate),
    ...arrays.map(({ values }) => values),
    ...makeBatches(workload).flatMap(({ input, target }) => [input, target]),
  ];
  let hash = 0x811c_9dc5;
  for (const { buffer } of words) {
    for (const word of new Uint32Array(buffer)) hash = Math.imul(hash ^ word, 0x0100_0193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}
