import { OptionError, VocabularyError } from '../errors.ts';
import type { Lowering, View } from '../graph/operator.ts';
import { sampleToken } from '../kernels/generated/sample-token.ts';
import { defineLaunch } from '../kernels/launch.ts';
import { packStruct } from '../kernels/pack.ts';
import { isNarrow, threadsFor } from '../ops/grid.ts';
import { streamOf } from '../random.ts';
import { checkNumber, positiveInteger, wholeNumber, withDefaults } from './options.ts';
import type { Vocabulary } from './vocabulary.ts';

/** How a sequence is continued. */
export interface SampleOptions {
  /** Tokens to add to the prompt. Default 200. */
  readonly length?: number | undefined;
  /** Divides the logits: below 1 bolder, above 1 wilder, 0 takes the likeliest token. Default 1. */
  readonly temperature?: number | undefined;
  /** Draws from this many likeliest tokens. Default: all. */
  readonly topK?: number | undefined;
  /** Equal seeds give equal samples. Default 0. */
  readonly seed?: number | undefined;
}

/** A sample that has been asked for, after validation. */
export interface SampleRequest {
  /** Tokens to begin with, at least one. */
  readonly prompt: Int32Array<ArrayBuffer>;
  readonly length: number;
  readonly temperature: number;
  /** 0 means all. */
  readonly topK: number;
  readonly seed: number;
}

/** What a model can say. */
export interface SampleVocabulary {
  /** Number of tokens. */
  readonly size: number;
  /** Needed where prompts are text. */
  readonly vocabulary?: Vocabulary | undefined;
}

/**
 * Checks a request for a sample.
 *
 * @param prompt - Text, or tokens.
 * @throws {OptionError} for options that are unknown or out of range, and an empty prompt.
 * @throws {VocabularyError} for characters or tokens outside the vocabulary.
 */
export function parseSampleOptions(
  prompt: string | Iterable<number>,
  given: SampleOptions,
  known: SampleVocabulary,
): SampleRequest {
  const where = 'sample';
  const { length, temperature, topK, seed } = withDefaults<Required<SampleOptions>>(where, given, {
    length: 200,
    temperature: 1,
    topK: undefined,
    seed: 0,
  });
  return {
    prompt: parsePrompt(prompt, known),
    length: checkNumber(where, 'length', length, positiveInteger),
    temperature: checkNumber(where, 'temperature', temperature, {
      accepts: (value) => value === 0 || (value >= 1e-4 && value <= 1e4),
      expected: '0 or a number from 0.0001 to 10000',
    }),
    topK: topK === undefined ? 0 : checkNumber(where, 'topK', topK, positiveInteger),
    seed: checkNumber(where, 'seed', seed, wholeNumber),
  };
}

function parsePrompt(
  prompt: string | Iterable<number>,
  { size, vocabulary }: SampleVocabulary,
): Int32Array<ArrayBuffer> {
  if (typeof prompt === 'string' && !vocabulary) {
    throw new OptionError(
      'sample: the prompt is text and the model has no vocabulary, expected tokens. Pass token ids.',
    );
  }
  const tokens = typeof prompt === 'string' ? vocabulary?.encode(prompt) : [...prompt];
  if (!tokens || tokens.length === 0) {
    throw new OptionError(
      'sample: the prompt is empty, expected at least one token to begin with. Pass a character.',
    );
  }
  for (const [position, token] of tokens.entries()) {
    if (Number.isInteger(token) && token >= 0 && token < size) continue;
    throw new VocabularyError(
      `sample: token ${token} at position ${position} of the prompt is outside the vocabulary, ` +
        `expected 0 to ${size - 1}.`,
    );
  }
  return Int32Array.from(tokens);
}

/** Size of the buffer with the sampling state. */
export const sampleStateBytes: number = sampleToken.bindings.state.struct.sizeBytes;

/** Stream of the random numbers that choose tokens. */
export const sampleStream: number = streamOf('sample');

/** The sampling state before the first run; the prompt's first token is the first `next_token`. */
export function encodeSampleState(request: SampleRequest): Uint8Array<ArrayBuffer> {
  return packStruct(sampleToken.bindings.state.struct, {
    position: 1,
    prompt_length: request.prompt.length,
    seed: request.seed,
    stream: sampleStream,
    top_k: request.topK,
    temperature: request.temperature,
  });
}

/** How often the sampling plan runs for a request: every token but the last is read once. */
export function countSampleRuns({ prompt, length }: SampleRequest): number {
  return prompt.length + length - 1;
}

/** Places that {@link lowerSampleToken} reads and writes. The written ones must be three buffers. */
export interface SampleViews {
  /** [vocabularySize] float32. */
  readonly logits: View;
  /** The sequence, int32: the host writes the prompt in front, the runs write what follows. */
  readonly tokens: View;
  /** What the embedding reads in the next run, one int32. */
  readonly nextToken: View;
  /** See {@link encodeSampleState}. */
  readonly state: View;
  readonly label: string;
}

/** Threads on an adapter that pays for each load: every one of them reads what all have found. */
const NARROW_THREADS = 8;

/** Most tokens that one thread looks at by itself, where the others of a resident plan would have to wait for it. */
const MOST_ALONE = 256;

/**
 * Most tokens for a thread: top-k passes over them up to 18 times, and Mesa's llvmpipe ends the loops of an
 * invocation after 65,535 rounds altogether.
 */
const MOST_TOKENS = 1024;

/** Emits the launch that chooses the next token of a sequence. */
export function lowerSampleToken(lowering: Lowering, views: SampleViews): void {
  const { logits, tokens, nextToken, state, label } = views;
  const vocabulary = logits.bytes / 4;
  const few = 2 ** Math.ceil(Math.log2(vocabulary / MOST_TOKENS));
  const { limits } = lowering;
  const isAlone =
    isNarrow(limits) && limits.residentLanes !== undefined && vocabulary <= MOST_ALONE;
  const wanted = isNarrow(limits)
    ? Math.min(256, Math.max(NARROW_THREADS, few))
    : vocabulary > 1024
      ? 256
      : 64;
  lowering.launch(
    defineLaunch(sampleToken, {
      label,
      constants: { threads: isAlone ? 1 : threadsFor(limits, wanted) },
      bindings: { state, logits, tokens, next_token: nextToken },
      workgroups: [1, 1, 1],
      cost: { flops: 40 * vocabulary, readBytes: 2 * logits.bytes, writtenBytes: 8 },
    }),
  );
}
