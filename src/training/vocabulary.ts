import { FileFormatError, VocabularyError } from '../errors.ts';

/**
 * The characters that a model knows, numbered from 0. A character is one Unicode code point, so that an
 * emoji beyond the basic plane is one token and not two halves.
 */
export class Vocabulary {
  /** Characters in the order of their ids. */
  readonly characters: readonly string[];
  readonly #ids = new Map<string, number>();

  /**
   * @param characters - In the order of their ids.
   * @throws {VocabularyError} if there are none, one occurs twice, or one is no single code point.
   */
  constructor(characters: Iterable<string>) {
    this.characters = [...characters];
    if (this.characters.length === 0) {
      throw new VocabularyError(
        'vocabulary has no characters, expected at least 1. Give it a text.',
      );
    }
    for (const [id, character] of this.characters.entries()) {
      const problem =
        [...character].length !== 1
          ? 'is no single code point, expected one'
          : this.#ids.has(character) && `is there already with id ${this.#ids.get(character)}`;
      if (problem) {
        throw new VocabularyError(`vocabulary: ${nameCharacter(character)} at ${id} ${problem}.`);
      }
      this.#ids.set(character, id);
    }
  }

  /** The characters of a text in the order of their code points: equal sets give equal ids. */
  static fromText(text: string): Vocabulary {
    const characters = [...new Set(text)];
    return new Vocabulary(characters.sort((a, b) => codePoint(a) - codePoint(b)));
  }

  /**
   * The inverse of {@link toJSON}.
   *
   * @throws {FileFormatError} if the value is no list of characters.
   * @throws {VocabularyError} if the characters make no vocabulary.
   */
  static fromJSON(value: unknown): Vocabulary {
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
      return new Vocabulary(value);
    }
    throw new FileFormatError('vocabulary: expected a list of characters. Save the model again.');
  }

  /** Number of characters. */
  get size(): number {
    return this.characters.length;
  }

  /** Whether a character has an id. */
  has(character: string): boolean {
    return this.#ids.has(character);
  }

  /**
   * Ids of a text's characters.
   *
   * @throws {VocabularyError} naming the first character that is not in the vocabulary.
   */
  encode(text: string): Int32Array<ArrayBuffer> {
    // A text has at most as many code points as UTF-16 units.
    const ids = new Int32Array(text.length);
    let position = 0;
    for (const character of text) {
      const id = this.#ids.get(character);
      if (id === undefined) {
        throw new VocabularyError(
          `${nameCharacter(character)} at character ${position} is not in the vocabulary of ` +
            `${this.size} characters. Remove or replace it, or train on a text that has it.`,
        );
      }
      ids[position++] = id;
    }
    return ids.slice(0, position);
  }

  /** The text of ids. @throws {VocabularyError} for an id that no character has. */
  decode(ids: Iterable<number>): string {
    let text = '';
    let position = 0;
    for (const id of ids) {
      const character = this.characters[id];
      if (character === undefined) {
        throw new VocabularyError(
          `token ${id} at position ${position} is outside the vocabulary, expected 0 to ` +
            `${this.size - 1}. Use the vocabulary that the model was trained with.`,
        );
      }
      text += character;
      position++;
    }
    return text;
  }

  /** The characters in the order of their ids. */
  toJSON(): readonly string[] {
    return this.characters;
  }
}

function codePoint(character: string): number {
  return character.codePointAt(0) as number;
}

/** `'é' (U+00E9)`; only the code for what cannot be seen in a message. */
function nameCharacter(character: string): string {
  const first = character.codePointAt(0);
  if (first === undefined) return "''";
  const code = `U+${first.toString(16).toUpperCase().padStart(4, '0')}`;
  return /^[\p{L}\p{N}\p{P}\p{S}]/u.test(character) ? `'${character}' (${code})` : code;
}
