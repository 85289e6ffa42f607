import { describe, expect, it } from 'vitest';
import { OptionError, VocabularyError } from '../../../src/errors.ts';
import { countSampleRuns, parseSampleOptions } from '../../../src/training/sampling.ts';
import { drawToken, scoreTokens } from '../../../src/training/sampling-reference.ts';
import { Vocabulary } from '../../../src/training/vocabulary.ts';

const base = { temperature: 1, topK: 0, seed: 1, stream: 5, position: 0 };

/** How often each token is drawn at many positions. */
function histogram(logits: readonly number[], options: Partial<typeof base>, draws: number) {
  const counts = logits.map(() => 0);
  for (let position = 0; position < draws; position++) {
    const token = drawToken(logits, { ...base, ...options, position });
    counts[token] = (counts[token] as number) + 1;
  }
  return counts;
}

describe('the reference draw', () => {
  const logits = [0.5, 2, -1, 2, 0];

  it('is greedy at temperature 0, the lowest of equal ones', () => {
    expect(drawToken(logits, { ...base, temperature: 0 })).toBe(1);
  });

  it('follows softmax(logits / temperature)', () => {
    for (const temperature of [0.7, 1.5]) {
      const weights = logits.map((logit) => Math.exp(logit / temperature));
      const total = weights.reduce((sum, weight) => sum + weight);
      const draws = 20_000;
      for (const [token, count] of histogram(logits, { temperature }, draws).entries()) {
        const share = (weights[token] as number) / total;
        // Five standard deviations of a binomial count.
        const slack = 5 * Math.sqrt(draws * share * (1 - share));
        expect(Math.abs(count - draws * share), `token ${token}`).toBeLessThan(slack);
      }
    }
  });

  it('draws from the top k only, ties by index', () => {
    const counts = histogram(logits, { topK: 1 }, 200);
    expect(counts).toEqual([0, 200, 0, 0, 0]);
    const three = histogram(logits, { topK: 3, temperature: 5 }, 500);
    expect(three.map((count) => count > 0)).toEqual([true, true, false, true, false]);
    expect(scoreTokens([1, 1, 1], { ...base, topK: 2 })[2]).toBe(Number.NEGATIVE_INFINITY);
  });

  it('depends on seed and position and on nothing else', () => {
    const draw = (options: Partial<typeof base>) =>
      Array.from({ length: 40 }, (_, position) =>
        drawToken(logits, { ...base, ...options, position }),
      );
    expect(draw({})).toEqual(draw({}));
    expect(draw({})).not.toEqual(draw({ seed: 2 }));
    expect(new Set(draw({})).size).toBeGreaterThan(2);
  });
});

describe('sample options', () => {
  const vocabulary = new Vocabulary(['h', 'e', 'l', 'o']);
  const known = { size: 4, vocabulary };

  it('have defaults', () => {
    const request = parseSampleOptions('he', {}, known);
    expect(request).toEqual({
      prompt: Int32Array.of(0, 1),
      length: 200,
      temperature: 1,
      topK: 0,
      seed: 0,
    });
    expect(countSampleRuns(request)).toBe(201);
    expect(parseSampleOptions([3], { length: 1 }, { size: 4 }).prompt).toEqual(Int32Array.of(3));
  });

  it.each<[string, () => unknown, new (message: string) => Error, string]>([
    ['length 0', () => parseSampleOptions('h', { length: 0 }, known), OptionError, 'length is 0'],
    [
      'a negative temperature',
      () => parseSampleOptions('h', { temperature: -1 }, known),
      OptionError,
      'sample: temperature is -1, expected 0 or a number from 0.0001 to 10000',
    ],
    [
      'topK 0',
      () => parseSampleOptions('h', { topK: 0 }, known),
      OptionError,
      'topK is 0, expected',
    ],
    [
      'a seed of 0.5',
      () => parseSampleOptions('h', { seed: 0.5 }, known),
      OptionError,
      'seed is 0.5',
    ],
    [
      'an unknown option',
      () => parseSampleOptions('h', { topP: 1 } as never, known),
      OptionError,
      "sample: option 'topP' is unknown",
    ],
    ['no prompt', () => parseSampleOptions('', {}, known), OptionError, 'the prompt is empty'],
    [
      'text without vocabulary',
      () => parseSampleOptions('h', {}, { size: 4 }),
      OptionError,
      'the model has no vocabulary',
    ],
    [
      'an unknown character',
      () => parseSampleOptions('hallo', {}, known),
      VocabularyError,
      "'a' (U+0061) at character 1",
    ],
    [
      'an unknown token',
      () => parseSampleOptions([0, 4], {}, { size: 4 }),
      VocabularyError,
      'token 4 at position 1 of the prompt is outside the vocabulary, expected 0 to 3',
    ],
  ])('%s is refused', (_, make, type, message) => {
    expect(make).toThrow(type);
    expect(make).toThrow(message);
  });
});
