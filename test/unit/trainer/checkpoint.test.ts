import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FileFormatError,
  GatefoldError,
  gru,
  linear,
  model,
  Network,
  oneHot,
  readCheckpoint,
  readSafetensors,
  type SymbolicTensor,
  sequential,
  sgd,
  Trainer,
} from '../../../src/index.ts';
import { checkpointAfter, trainOn, withTrainer } from '../../device-cases/trainer-rig.ts';
import { editHeader, tinyLanguageModel } from './reference-run.ts';

const options = { device: 'reference', ...tinyLanguageModel() } as const;
const saved = await checkpointAfter(options, { steps: 3 });

const resume = (checkpoint: Uint8Array, changes: object = {}) =>
  Trainer.create({ ...options, ...changes, checkpoint });
const load = (checkpoint: Uint8Array) => Network.load({ device: 'reference', checkpoint });

describe('a checkpoint of the reference', () => {
  it('keeps float64 and resumes bit for bit', async () => {
    const whole = await checkpointAfter(options, { steps: 6 });
    const resumed = await checkpointAfter({ ...options, checkpoint: saved }, { steps: 3 });
    expect(readSafetensors(saved).tensors.get('lstm.weight_hh_l0')?.dtype).toBe('F64');
    expect(resumed).toEqual(whole);
    expect(whole).not.toEqual(saved);
  });

  it('says what it holds', () => {
    const { step, seed, optimizer, config, inputs, vocabulary } = readCheckpoint(saved);
    expect({ step, seed, inputs }).toEqual({
      step: 3,
      seed: 3,
      inputs: {
        input: { shape: [3, 2], dtype: 'i32' },
        target: { shape: [3, 2], dtype: 'i32' },
      },
    });
    expect(optimizer).toMatchObject({ name: 'adam', options: { learningRate: 0.05 } });
    expect(config?.map(({ kind }) => kind)).toEqual(['embedding', 'lstm', 'dropout', 'linear']);
    expect(vocabulary?.characters).toEqual(options.data.vocabulary?.characters);
  });

  it('keeps what the caller wants to find again', async () => {
    const run = { text: 'rain.txt', flags: ['--cell', 'lstm'] };
    const bytes = await withTrainer({ ...options, run }, (trainer) => trainer.checkpoint());
    expect(readCheckpoint(bytes).run).toEqual(run);
  });

  it('is written to a file whole, with nothing beside it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gatefold-save-'));
    try {
      await withTrainer(options, async (trainer) => {
        const path = join(folder, 'model.safetensors');
        await trainer.save(path);
        await trainOn(trainer, { steps: 3 });
        await Promise.all([trainer.save(path), trainer.save(path)]);
        expect(new Uint8Array(await readFile(path))).toEqual(saved);
        expect(await readdir(folder)).toEqual(['model.safetensors']);
        await expect(trainer.save(join(folder, 'missing', 'model.safetensors'))).rejects.toThrow();
      });
      expect(await readdir(folder)).toEqual(['model.safetensors']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a checkpoint that does not fit', () => {
  it.each([
    [{ model: tinyLanguageModel(4).model }, /lstm.weight_ih_l0' has 24 values, expected 32/],
    [
      { model: sequential([oneHot(20), gru(3), linear(20)]) },
      /weight 'gru.weight_ih_l0' has no values.*another model/,
    ],
    [{ optimizer: sgd({ learningRate: 1, momentum: 0.9 }) }, /moment .* has no values/],
    [{ stateful: false }, /state 'lstm.l0' is carried .* Resume with stateful: true/],
  ])('is refused: %#', async (changes, message) => {
    const failure = resume(saved, changes);
    await expect(failure).rejects.toThrow(FileFormatError);
    await expect(failure).rejects.toThrow(message);
  });

  it('is refused with states where it has none', async () => {
    const stateless = await checkpointAfter({ ...options, stateful: false }, { steps: 1 });
    await expect(resume(stateless)).rejects.toThrow(
      "checkpoint: state 'lstm.l0' has no values, expected 12. Resume with the batch size",
    );
  });

  it('is not loaded without its model, where that is a function', async () => {
    const { data } = options;
    const size = data.vocabulary?.size as number;
    const [encode, head] = [oneHot(size), linear(size)];
    const bytes = await checkpointAfter(
      {
        ...options,
        stateful: false,
        model: model(({ input }) => head(encode(input as SymbolicTensor))),
      },
      { steps: 1 },
    );
    await expect(load(bytes)).rejects.toThrow('Build the model in code');
  });
});

describe('a damaged checkpoint', () => {
  it('is refused wherever it was cut', () => {
    for (let length = 0; length < saved.length; length++) {
      expect(() => readCheckpoint(saved.subarray(0, length)), `${length} bytes`).toThrow(
        FileFormatError,
      );
    }
  });

  it('is refused if it is something else', () => {
    const text = new TextEncoder().encode('# A page of text, and no weights at all.\n'.repeat(9));
    expect(() => readCheckpoint(text)).toThrow(FileFormatError);
    expect(() => readCheckpoint(new Uint8Array(4096).fill(0xff))).toThrow(FileFormatError);
    expect(() => readCheckpoint(new Uint8Array(4096))).toThrow(FileFormatError);
  });

  const fields = Object.keys(JSON.parse(readSafetensors(saved).metadata.gatefold as string));
  it.each(fields)('is refused without sense in %s, or goes on without it', async (field) => {
    for (const value of [undefined, null, 7, 'x', [], [null], {}, { input: null }, [{ kind: 7 }]]) {
      const bytes = editHeader(saved, (header) => {
        header[field] = value;
      });
      for (const use of [load, resume]) {
        const error = await use(bytes).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) {
          expect(error, `${field}: ${JSON.stringify(value)}`).toBeInstanceOf(GatefoldError);
        }
      }
    }
  });

  it('is refused without a weight, with one of another size, or with other sizes in its layers', async () => {
    const config = readCheckpoint(saved).config as { kind: string }[];
    const grown = editHeader(saved, (header) => {
      header.config = config.map((layer) =>
        layer.kind === 'lstm' ? { kind: 'lstm', hiddenSize: 2 ** 28 } : layer,
      );
    });
    await expect(load(grown)).rejects.toThrow(FileFormatError);
    await expect(load(grown)).rejects.toThrow(
      /lstm.weight_ih_l0' has 24 values, expected 2147483648/,
    );
  });
});
