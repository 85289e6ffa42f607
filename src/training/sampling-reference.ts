import { philox } from '../random.ts';

/** What a draw depends on beside the logits. */
export interface DrawOptions {
  /** 0 takes the largest logit. */
  readonly temperature: number;
  /** 0 means all. */
  readonly topK: number;
  readonly seed: number;
  readonly stream: number;
  /** Place of the token in its sequence. */
  readonly position: number;
}

/** Standard Gumbel noise of a token, from the same random bits as the kernel's. */
export function gumbelAt({ seed, stream, position }: DrawOptions, token: number): number {
  const words = philox({ seed, stream, step: position, index: token >>> 2 });
  const uniform = ((words[token & 3] as number) >>> 8) | 1;
  return -Math.log(-Math.log(uniform / 16_777_216));
}

/**
 * Scores of all tokens, of which the largest is drawn: (logit − largest logit) / temperature plus noise;
 * −Infinity for tokens outside the top k. Greedy scores are the logits themselves.
 */
export function scoreTokens(logits: ArrayLike<number>, options: DrawOptions): Float64Array {
  const { temperature, topK } = options;
  const values = Float64Array.from(logits);
  if (temperature === 0) return values;
  const ranked = [...values.keys()].sort(
    (a, b) => (values[b] as number) - (values[a] as number) || a - b,
  );
  const largest = values[ranked[0] as number] as number;
  const scores = new Float64Array(values.length).fill(Number.NEGATIVE_INFINITY);
  for (const token of ranked.slice(0, topK || ranked.length)) {
    const relative = ((values[token] as number) - largest) / temperature;
    scores[token] = relative + gumbelAt(options, token);
  }
  return scores;
}

/** The float64 reference of sample-token: the token with the largest score, the lowest of equal ones. */
export function drawToken(logits: ArrayLike<number>, options: DrawOptions): number {
  const scores = scoreTokens(logits, options);
  let best = 0;
  for (const [token, score] of scores.entries()) {
    if (score > (scores[best] as number)) best = token;
  }
  return best;
}
