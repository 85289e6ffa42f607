import { expose } from 'comlink';
import {
  AbortedError,
  adam,
  type Device,
  linear,
  oneHot,
  recurrent,
  requestDevice,
  sequential,
  Trainer,
  textStream,
} from '../src/index.ts';
import type { Progress, Sample, TrainingWorker } from './protocol.ts';

/** Sequences side by side, and characters in a row that a step looks back over. */
const stepOnHardware = { batch: 32, steps: 64 };
/** On the CPU smaller and more steps learn sooner. */
const stepOnSoftware = { batch: 16, steps: 32 };
const sampleLength = 280;
const promptLength = 16;
const reportIntervalMs = 100;
const stepsPerRound = 10_000;

interface Run {
  readonly trainer: Trainer;
  readonly text: string;
}

let device: Promise<Device> | undefined;
let run: Run | undefined;
let turn: Promise<unknown> = Promise.resolve();
let interrupt: AbortController | undefined;
let paused = true;

/** Runs `work` after everything that was asked for before it. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work);
  turn = result.catch(() => undefined);
  return result;
}

/** The device; a new one where the last could not be opened or was lost. */
function openDevice(): Promise<Device> {
  const forget = () => {
    device = undefined;
  };
  device ??= requestDevice({ powerPreference: 'high-performance' }).then((opened) => {
    opened.lost.then(forget, forget);
    return opened;
  });
  device.catch(forget);
  return device;
}

function requireRun(): Run {
  if (run) return run;
  throw new Error('There is no network yet. Press Train first.');
}

/** A step's batch and steps for a text: fewer sequences where the text is short. */
function cutText(text: string, { batch, steps }: typeof stepOnHardware): typeof stepOnHardware {
  // Two UTF-16 units may make one character; the difference matters only for a short text.
  const isLong = text.length > 2 * (batch * steps + 1);
  const sequences = Math.floor(([...(isLong ? '' : text)].length - 1) / steps);
  return { batch: isLong ? batch : Math.max(1, Math.min(batch, sequences)), steps };
}

/** A few words from anywhere in a text; characters where it has no words. */
function pickWords(text: string): string {
  const start = Math.floor(Math.random() * Math.max(1, text.length - 4 * promptLength));
  const passage = [...text.slice(start, start + 4 * promptLength)].slice(1).join('');
  const words = /(?<=\s)\S+(?:[^\S\n]\S+)? /.exec(passage)?.[0];
  return words ?? [...passage].slice(0, promptLength).join('');
}

/** Trains until `signal` fires, with a report now and then. */
async function trainUntil(signal: AbortSignal, report: (progress: Progress) => void) {
  const { trainer } = requireRun();
  let losses: number[] = [];
  let step = trainer.step;
  let since = performance.now();
  const send = () => {
    if (losses.length === 0) return;
    report({ step, losses, ms: performance.now() - since });
    losses = [];
    since = performance.now();
  };
  try {
    for await (const item of trainer.fit({ steps: stepsPerRound, signal })) {
      step = item.step;
      losses.push(item.loss);
      if (performance.now() - since > reportIntervalMs) send();
    }
  } catch (error) {
    if (!(error instanceof AbortedError)) throw error;
  } finally {
    send();
  }
}

const worker: TrainingWorker = {
  async openDevice() {
    const { info } = await openDevice();
    const name = info.description || [info.vendor, info.architecture].filter(Boolean).join(' ');
    return { name: name || 'unnamed adapter', software: info.software };
  },

  start: (settings, text) =>
    inTurn(async () => {
      await run?.trainer.dispose();
      run = undefined;
      const { cell, cellOptions, hiddenSize, layers, learningRate } = settings;
      const opened = await openDevice();
      const step = opened.info.software ? stepOnSoftware : stepOnHardware;
      const data = textStream(text, cutText(text, step));
      const vocabularySize = data.vocabulary?.size ?? 0;
      const trainer = await Trainer.create({
        device: opened,
        model: sequential([
          oneHot(vocabularySize),
          recurrent(cell, hiddenSize, { ...cellOptions, layers }),
          linear(vocabularySize),
        ]),
        data,
        optimizer: adam({ learningRate }),
        clipNorm: 1,
        stateful: true,
        seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
      });
      run = { trainer, text };
      return { vocabularySize, tokensPerStep: trainer.tokensPerStep };
    }),

  async train(report) {
    paused = false;
    while (!paused) {
      await inTurn(async () => {
        if (paused) return;
        interrupt = new AbortController();
        await trainUntil(interrupt.signal, report);
      });
    }
  },

  async pause() {
    paused = true;
    interrupt?.abort();
  },

  sample({ prompt, temperature }) {
    interrupt?.abort();
    return inTurn(async (): Promise<Sample> => {
      const { trainer, text: source } = requireRun();
      const begin = prompt || pickWords(source);
      const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
      const text = await trainer.sample(begin, { length: sampleLength, temperature, seed });
      return { step: trainer.step, prompt: begin, temperature, text };
    });
  },
};

expose(worker);
