import type { CellName } from '../src/cells/registry.ts';

/** What a network and its training are made of. Changing any of it means starting anew. */
export interface NetworkSettings {
  readonly cell: CellName;
  readonly cellOptions: Readonly<Record<string, string>>;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly learningRate: number;
}

/** The adapter that was found. */
export interface AdapterReport {
  readonly name: string;
  readonly software: boolean;
}

/** What is known of a run before its first step. */
export interface RunReport {
  /** Different characters in the text. */
  readonly vocabularySize: number;
  /** Characters that one step trains on. */
  readonly tokensPerStep: number;
}

/** Steps finished since the last report. */
export interface Progress {
  /** Steps finished since the start of the run. */
  readonly step: number;
  /** Mean loss of each step since the last report, in nats per character; the last is `step`'s. */
  readonly losses: readonly number[];
  /** Time these steps took. */
  readonly ms: number;
}

/** What to write. */
export interface SampleSettings {
  /** Empty: a few words from the text. */
  readonly prompt: string;
  readonly temperature: number;
}

/** What the network wrote. */
export interface Sample {
  readonly step: number;
  readonly prompt: string;
  readonly temperature: number;
  readonly text: string;
}

/** What the worker offers to the page. One call at a time has the GPU; the others wait their turn. */
export interface TrainingWorker {
  /** Opens the GPU device, once. */
  openDevice(): Promise<AdapterReport>;
  /** Replaces the current run by a new one at step 0. */
  start(settings: NetworkSettings, text: string): Promise<RunReport>;
  /** Trains until {@link pause} is called. */
  train(report: (progress: Progress) => void): Promise<void>;
  /** Ends {@link train} after the steps that are under way. Everything learnt is kept. */
  pause(): Promise<void>;
  /** Continues the prompt. While training runs, it waits for this. */
  sample(settings: SampleSettings): Promise<Sample>;
}
