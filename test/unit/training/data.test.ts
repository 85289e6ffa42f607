import { describe, expect, it } from 'vitest';
import { FileFormatError, OptionError, ShapeError, VocabularyError } from '../../../src/errors.ts';
import { batches, gatherBatch, residentArrays } from '../../../src/training/data.ts';
import { textStream, tokenStream } from '../../../src/training/text-stream.ts';
import { Vocabulary } from '../../../src/training/vocabulary.ts';

describe('Vocabulary', () => {
  it('sorts by code point, beyond the basic plane too', () => {
    // U+1F600 is above U+FF5E, though its first UTF-16 unit is below.
    const vocabulary = Vocabulary.fromText('b😀～aé\nb');
    expect(vocabulary.characters).toEqual(['\n', 'a', 'b', 'é', '～', '😀']);
    expect([...vocabulary.encode('😀ab')]).toEqual([5, 1, 2]);
    expect(vocabulary.decode([5, 1, 2])).toBe('😀ab');
  });

  it('keeps the order it is given, and survives JSON', () => {
    const vocabulary = new Vocabulary(['h', 'e', 'l', 'o']);
    expect([...vocabulary.encode('hello')]).toEqual([0, 1, 2, 2, 3]);
    const again = Vocabulary.fromJSON(JSON.parse(JSON.stringify(vocabulary)));
    expect(again.characters).toEqual(vocabulary.characters);
    const lone = Vocabulary.fromText('a\ud800');
    expect(Vocabulary.fromJSON(JSON.parse(JSON.stringify(lone))).characters).toEqual([
      'a',
      '\ud800',
    ]);
  });

  it('names the character it does not know, where it is, and what to do', () => {
    const vocabulary = Vocabulary.fromText('helo');
    expect(() => vocabulary.encode('😀hé')).toThrow(VocabularyError);
    expect(() => vocabulary.encode('hélo')).toThrow(
      "'é' (U+00E9) at character 1 is not in the vocabulary of 4 characters. Remove or replace it",
    );
    expect(() => vocabulary.encode('he\tlo')).toThrow(/^U\+0009 at character 2 /);
    expect(() => vocabulary.decode([0, 4])).toThrow(
      'token 4 at position 1 is outside the vocabulary, expected 0 to 3.',
    );
  });

  it('refuses what is no vocabulary', () => {
    expect(() => new Vocabulary([])).toThrow('no characters');
    expect(() => new Vocabulary(['a', 'b', 'a'])).toThrow(
      "'a' (U+0061) at 2 is there already with id 0",
    );
    expect(() => new Vocabulary(['ab'])).toThrow('is no single code point');
    expect(() => Vocabulary.fromJSON({ a: 0 })).toThrow(FileFormatError);
    expect(() => Vocabulary.fromJSON([1])).toThrow(FileFormatError);
  });
});

describe('textStream', () => {
  it('reads contiguous streams side by side', () => {
    // 14 tokens, 2 streams of ⌊13 / 2⌋ = 6, 2 batches of 3 steps.
    const source = textStream('abcdefghijklmn', { batch: 2, steps: 3 });
    expect(source.batchCount).toBe(2);
    expect(source.resetsState).toBe(true);
    const read = (step: number) =>
      [...gatherBatch(source, step)].map(([name, ids]) => [name, source.vocabulary?.decode(ids)]);
    expect(read(0)).toEqual([
      ['input', 'agbhci'],
      ['target', 'bhcidj'],
    ]);
    expect(read(1)).toEqual([
      ['input', 'djekfl'],
      ['target', 'ekflgm'],
    ]);
    expect(read(2)).toEqual(read(0));
  });

  it('takes the shortest text: one batch and one token', () => {
    const source = textStream('abcde', { batch: 2, steps: 2 });
    expect(source.batchCount).toBe(1);
    expect([...(gatherBatch(source, 7).get('target') as Int32Array)]).toEqual([1, 3, 2, 4]);
    expect(() => textStream('abcd', { batch: 2, steps: 2 })).toThrow(ShapeError);
    expect(() => textStream('abcd', { batch: 2, steps: 2 })).toThrow(
      'textStream: the text has 4 tokens, expected at least batch · steps + 1 = 5. Use a longer text',
    );
  });

  it('holds out the tail, in the same resident array', () => {
    const text = 'abcdefghijklmnopqrst';
    const source = textStream(text, { batch: 1, steps: 4, heldOut: 0.25 });
    const heldOut = source.heldOut as NonNullable<typeof source.heldOut>;
    expect(source.batchCount).toBe(3);
    expect(source.vocabulary?.decode(gatherBatch(heldOut, 0).get('input') as Int32Array)).toBe(
      'pqrs',
    );
    expect(source.vocabulary?.decode(gatherBatch(source, 2).get('target') as Int32Array)).toBe(
      'jklm',
    );
    expect([...residentArrays([source, heldOut]).values()]).toEqual(['data/0']);
    expect(() => textStream(text, { batch: 1, steps: 4, heldOut: 0.2 })).toThrow(
      'the held-out part has 4 tokens, expected at least batch · steps + 1 = 5',
    );
  });

  it('uses a vocabulary that it is given', () => {
    const vocabulary = new Vocabulary(['h', 'e', 'l', 'o']);
    const source = textStream('hello', { batch: 1, steps: 4, vocabulary });
    expect([...(gatherBatch(source, 0).get('input') as Int32Array)]).toEqual([0, 1, 2, 2]);
    expect(() => textStream('hallo', { batch: 1, steps: 4, vocabulary })).toThrow(VocabularyError);
  });

  it('refuses options that it does not know or cannot use', () => {
    const text = 'abcdefgh';
    expect(() => textStream(text, { batch: 1, steps: 2, shuffle: true } as never)).toThrow(
      "textStream: option 'shuffle' is unknown, expected batch, steps, heldOut, vocabulary",
    );
    expect(() => textStream(text, { batch: 0, steps: 2 })).toThrow(OptionError);
    expect(() => textStream(text, { steps: 2 } as never)).toThrow(
      'batch is NaN, expected a positive',
    );
    expect(() => textStream(text, { batch: 1, steps: 2, heldOut: 1 })).toThrow('heldOut is 1');
    expect(() => textStream('', { batch: 1, steps: 2 })).toThrow('the text is empty');
  });
});

describe('tokenStream', () => {
  it('checks every token', () => {
    const tokens = Int32Array.of(0, 1, 2, 1, 0);
    expect(tokenStream(tokens, 3, { batch: 1, steps: 4 }).batchCount).toBe(1);
    expect(() => tokenStream(tokens, 2, { batch: 1, steps: 4 })).toThrow(
      'tokenStream: token 2 at 2 is outside the vocabulary, expected 0 to 1.',
    );
  });
});

describe('batches', () => {
  const input = { values: Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7), shape: [2, 2, 2] };
  const target = { values: Float32Array.of(0.5, 1.5), shape: [2, 1] };

  it('gives each step its own, and starts over', () => {
    const source = batches({ input, target });
    expect(source.batchCount).toBe(2);
    expect(source.resetsState).toBe(false);
    expect(gatherBatch(source, 3)).toEqual(
      new Map<string, unknown>([
        ['input', Int32Array.of(4, 5, 6, 7)],
        ['target', Float64Array.of(1.5)],
      ]),
    );
    expect(source.fields.map(({ shape, dtype }) => [shape, dtype])).toEqual([
      [[2, 2], 'i32'],
      [[1], 'f32'],
    ]);
    expect(residentArrays([source]).size).toBe(2);
  });

  it.each<[string, () => unknown, string]>([
    ['no arrays', () => batches({}), 'got no arrays'],
    [
      'different numbers of batches',
      () => batches({ input, target: { values: new Float32Array(3), shape: [3, 1] } }),
      "'target' has 3 batches, 'input' has 2, expected equal numbers",
    ],
    [
      'values that do not fill the shape',
      () => batches({ input: { ...input, shape: [2, 3] } }),
      "'input' has 8 values and shape [2, 3], expected 6 values",
    ],
    ['no shape', () => batches({ input: { ...input, shape: [] } }), 'the number of batches first'],
    [
      'plain lists',
      () => batches({ input: { values: [1, 2] as never, shape: [2] } }),
      "'input' is [1, 2], expected an Int32Array or Float32Array",
    ],
    [
      'a token outside the vocabulary',
      () => batches({ input: { ...input, vocabularySize: 7, ignoreIndex: -1 } }),
      "'input' has token 7 at 7, expected 0 to 6 or -1",
    ],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it('lets an ignored target pass', () => {
    const values = Int32Array.of(0, -1);
    expect(() => batches({ target: { values, shape: [1, 2], vocabularySize: 1 } })).toThrow();
    const array = { values, shape: [1, 2], vocabularySize: 1, ignoreIndex: -1 };
    expect(batches({ target: array }).batchCount).toBe(1);
  });
});
