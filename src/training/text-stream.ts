import { ShapeError, VocabularyError } from '../errors.ts';
import type { DataSource } from './data.ts';
import { checkNumber, fraction, positiveInteger, withDefaults } from './options.ts';
import { Vocabulary } from './vocabulary.ts';

/** How tokens are cut into batches. */
export interface TokenStreamOptions {
  /** Streams that are read side by side. */
  readonly batch: number;
  /** Time steps per batch. */
  readonly steps: number;
  /** Share of the tokens, at the end, that is held out for evaluation. Default 0. */
  readonly heldOut?: number | undefined;
}

/** How a text is cut into batches. */
export interface TextStreamOptions extends TokenStreamOptions {
  /** Default: the characters of the text, sorted by code point. */
  readonly vocabulary?: Vocabulary | undefined;
}

/** A text as data: always with the vocabulary of its characters. */
export interface TextSource extends DataSource {
  readonly vocabulary: Vocabulary;
}

/**
 * A text as contiguous streams for language models: with n tokens, stream b reads the text from b·⌊(n−1) /
 * batch⌋ on, `steps` tokens per step, so that the state at the end of a step is the one to begin the next
 * with. Inputs are `input` and `target`, i32 [steps, batch]; the target is the next token.
 *
 * @throws {ShapeError} if the text, or the held-out part, is shorter than one batch.
 * @throws {OptionError} for options out of range.
 * @throws {VocabularyError} for a character outside the given vocabulary.
 */
export function textStream(text: string, options: TextStreamOptions): TextSource {
  const { vocabulary, ...cut } = withDefaults<Required<TextStreamOptions>>('textStream', options, {
    batch: Number.NaN,
    steps: Number.NaN,
    heldOut: 0,
    vocabulary: undefined,
  });
  if (typeof text !== 'string' || text.length === 0) {
    throw new ShapeError('textStream: the text is empty, expected characters. Give it a text.');
  }
  const known = vocabulary ?? Vocabulary.fromText(text);
  return { ...cutStreams('textStream', known.encode(text), cut, known), vocabulary: known };
}

/**
 * Tokens as contiguous streams, as {@link textStream} does it for characters.
 *
 * @param tokens - Not copied: leave them as they are.
 * @param vocabularySize - Tokens must be from 0 to below it.
 * @throws {ShapeError}, {OptionError} or {VocabularyError} as {@link textStream}.
 */
export function tokenStream(
  tokens: Int32Array,
  vocabularySize: number,
  options: TokenStreamOptions,
): DataSource {
  checkNumber('tokenStream', 'vocabularySize', vocabularySize, positiveInteger);
  const position = tokens.findIndex((token) => token < 0 || token >= vocabularySize);
  if (position >= 0) {
    throw new VocabularyError(
      `tokenStream: token ${tokens[position]} at ${position} is outside the vocabulary, expected 0 to ` +
        `${vocabularySize - 1}. Correct the tokens or enlarge the vocabulary.`,
    );
  }
  const cut = withDefaults<Required<TokenStreamOptions>>('tokenStream', options, {
    batch: Number.NaN,
    steps: Number.NaN,
    heldOut: 0,
  });
  return cutStreams('tokenStream', tokens, cut);
}

function cutStreams(
  where: string,
  tokens: Int32Array,
  { batch, steps, heldOut = 0 }: TokenStreamOptions,
  vocabulary?: Vocabulary,
): DataSource {
  checkNumber(where, 'batch', batch, positiveInteger);
  checkNumber(where, 'steps', steps, positiveInteger);
  checkNumber(where, 'heldOut', heldOut, fraction);
  const held = Math.floor(tokens.length * heldOut);
  const trained = tokens.length - held;
  const make = (part: string, start: number, length: number): DataSource => {
    const needed = batch * steps + 1;
    if (length < needed) {
      throw new ShapeError(
        `${where}: the ${part} has ${length} tokens, expected at least batch · steps + 1 = ${needed}. ` +
          `Use a longer text, a smaller batch (${batch}) or fewer steps (${steps})` +
          `${heldOut > 0 ? `, or change heldOut (${heldOut})` : ''}.`,
      );
    }
    const streamLength = Math.floor((length - 1) / batch);
    const field = (name: string, offset: number) => ({
      name,
      dtype: 'i32' as const,
      shape: [steps, batch],
      array: tokens,
      offset: start + offset,
      batchStride: steps,
      strides: [1, streamLength],
    });
    return {
      fields: [field('input', 0), field('target', 1)],
      batchCount: Math.floor(streamLength / steps),
      resetsState: true,
      ...(vocabulary && { vocabulary }),
    };
  };
  const source = make(heldOut > 0 ? 'part trained on' : 'text', 0, trained);
  return heldOut > 0 ? { ...source, heldOut: make('held-out part', trained, held) } : source;
}
