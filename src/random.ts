/**
 * Counter-based random numbers: Philox4x32-10, the same bits as `shaders/lib/random.wgsl`.
 *
 * A number is a pure function of (seed, stream, step, index), so a mask can be drawn again instead of
 * stored, in any order, on any device.
 *
 * @see Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
 */

/** Where in the random sequence a draw lies. All are 32-bit unsigned integers. */
export interface RandomCounter {
  readonly seed: number;
  /** Which use of randomness: a dropout layer, the initialisation of one parameter, sampling. */
  readonly stream: number;
  readonly step: number;
  readonly index: number;
}

const ROUNDS = 10;

/** Four 32-bit words. */
export type Words = readonly [number, number, number, number];

/** Second word of every key. */
const KEY = 0xcaf3_57d1;

/** Four 32-bit words for a counter. */
export function philox({ index, step, stream, seed }: RandomCounter): Words {
  return philoxBlock([index, step, stream, 0], [seed, KEY]);
}

/** The generator itself: four words of counter and two of key to four words. */
export function philoxBlock([c0, c1, c2, c3]: Words, [k0, k1]: readonly [number, number]): Words {
  const words = new Uint32Array(4);
  drawBlock(words, c0, c1, c2, c3, k0, k1);
  const [w0 = 0, w1 = 0, w2 = 0, w3 = 0] = words;
  return [w0, w1, w2, w3];
}

/** Writes the four words. Takes no memory: a model's weights are millions of numbers, drawn before anything runs. */
function drawBlock(
  words: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  // Words are signed within: engines keep those in registers.
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(0xd251_1f53, c0);
    const low0 = Math.imul(0xd251_1f53, c0);
    const high1 = multiplyHigh(0xcd9e_8d57, c2);
    const low1 = Math.imul(0xcd9e_8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e37_79b9) | 0;
    k1 = (k1 + 0xbb67_ae85) | 0;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

/** Upper 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  // Products of halves fit 32 bits; as signed integers they stay out of floating point.
  const middle1 = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const middle2 = (Math.imul(aLow, bHigh) + (middle1 & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle1 >>> 16) + (middle2 >>> 16)) | 0;
}

/** A word as a float32-exact number in [0, 1): its upper 24 bits. */
export function toUniform(word: number): number {
  return (word >>> 8) / 16_777_216;
}

/** One uniform number in [0, 1) for an index: word `index mod 4` of block `index div 4`. */
export function uniformAt(counter: RandomCounter): number {
  const words = philox({ ...counter, index: counter.index >>> 2 });
  return toUniform(words[counter.index & 3] as number);
}

/** FNV-1a hash of a name: the stream of a parameter or layer. */
export function streamOf(name: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < name.length; index++) {
    hash = Math.imul(hash ^ name.charCodeAt(index), 0x0100_0193);
  }
  return hash >>> 0;
}

/** A sequential view of one stream, for initialisation and shuffling on the host. */
export class Random {
  #index = 0;
  readonly #words = new Uint32Array(4);

  constructor(
    readonly seed: number,
    readonly stream: number,
  ) {}

  /** Uniform in [0, 1), 24 bits. */
  uniform(): number {
    const index = this.#index++;
    if (index % 4 === 0) drawBlock(this.#words, index >>> 2, 0, this.stream, 0, this.seed, KEY);
    return toUniform(this.#words[index % 4] as number);
  }

  /** Fills a new array, or the rest of one, with numbers uniform in [-bound, bound], as {@link uniform} draws them. */
  fillUniform(values: Float32Array, bound: number): void {
    let at = 0;
    for (; at < values.length && this.#index % 4 !== 0; at++) {
      values[at] = (2 * this.uniform() - 1) * bound;
    }
    const words = this.#words;
    for (; at + 4 <= values.length; at += 4) {
      drawBlock(words, this.#index >>> 2, 0, this.stream, 0, this.seed, KEY);
      this.#index += 4;
      for (let i = 0; i < 4; i++) {
        values[at + i] = (2 * toUniform(words[i] as number) - 1) * bound;
      }
    }
    for (; at < values.length; at++) values[at] = (2 * this.uniform() - 1) * bound;
  }

  /** Standard normal by Box and Muller's method. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}
