import { VocabularyError } from '../errors.ts';
import type { Values } from '../graph/operator.ts';

/** Reads a token in the reference, where reading past a table would go unnoticed. */
export function readToken(
  tokens: Values | undefined,
  index: number,
  rows: number,
  label: string,
): number {
  const token = tokens?.[index] as number;
  if (!(token >= 0 && token < rows)) {
    throw new VocabularyError(
      `${label}: token ${token} at index ${index} is outside the vocabulary 0 … ${rows - 1}.`,
    );
  }
  return token;
}
