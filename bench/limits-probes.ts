/** The WGSL of the limit probes, and what each must have computed. */
import { poison } from './limits-rig.ts';

/** Threads of a workgroup of every probe. */
export const threads = 64;
/** Entries of the array that loads read: 16 KB in storage, small enough for a first-level cache. */
export const storageEntries = 4096;
/** Entries of the workgroup array: 1 KB, as software adapters pay for every byte of it at creation. */
export const workgroupEntries = 256;
/** Loads of a round, and the distance of one to the next. */
const loads = 8;

/** The results of a probe are not what its work gives. */
export class LimitsError extends Error {
  override readonly name = 'LimitsError';
}

const header = `
struct Arguments { rounds: u32, factor: f32, term: f32, unused: u32 }
@group(0) @binding(0) var<uniform> arguments: Arguments;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;`;

const lines = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => line(index)).join('\n    ');

/** Form of a multiply-add probe. */
export interface MultiplyAddForm {
  readonly lanes: 1 | 4;
  /** Independent sums of one thread. */
  readonly accumulators: number;
  /** Multiply-adds of each accumulator written out in the loop's body. */
  readonly unroll: number;
}

/**
 * x ← x·factor + term, over and over, on several independent accumulators. Factor and term are uniforms
 * and the end values are summed, so that nothing can be left out.
 */
export function multiplyAddShader({ lanes, accumulators, unroll }: MultiplyAddForm): string {
  const type = lanes === 4 ? 'vec4f' : 'f32';
  const start = lanes === 4 ? 'vec4f(s, s + 1.0, s + 2.0, s + 3.0)' : 's';
  const total = (name: string) => (lanes === 4 ? `dot(${name}, vec4f(1.0))` : name);
  const update = lines(accumulators, (index) => `x${index} = x${index} * factor + term;`);
  return `${header}
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let factor = ${type}(arguments.factor);
  let term = ${type}(arguments.term);
  let own = f32(id.x % 64u);
  ${lines(accumulators, (index) => {
    const s = `let s${index} = own + ${(lanes * index).toFixed(1)};`;
    return `${s} var x${index} = ${start.replace(/\bs\b/g, `s${index}`)};`;
  })}
  for (var round = 0u; round < arguments.rounds; round++) {
    ${lines(unroll, () => update)}
  }
  results[id.x] = bitcast<u32>(${Array.from({ length: accumulators }, (_, i) => total(`x${i}`)).join(' + ')});
}`;
}

/** Arguments of a multiply-add run: a factor that all rounds together make e⁻¹, so that values stay small. */
export function multiplyAddArguments(updates: number, rounds: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(4);
  words[0] = rounds;
  new Float32Array(words.buffer).set([Math.exp(-1 / updates), 1 / updates], 1);
  return words;
}

/** @throws {LimitsError} if a thread's sum is not that of `updates` multiply-adds per accumulator. */
export function checkMultiplyAdd(
  words: Uint32Array,
  { lanes, accumulators }: MultiplyAddForm,
  given: Uint32Array<ArrayBuffer>,
  updates: number,
): void {
  const values = new Float32Array(words.buffer, words.byteOffset, words.length);
  const [, factor = 0, term = 0] = new Float32Array(given.buffer);
  const count = lanes * accumulators;
  const decay = factor ** updates;
  for (const [thread, value] of values.entries()) {
    const starts = count * (thread % 64) + (count * (count - 1)) / 2;
    const expected = decay * starts + (count * term * (1 - decay)) / (1 - factor);
    // Each update rounds twice, at most; sums of positive numbers lose no more than their terms.
    const bound = (2 * updates + count) * 2 ** -24 * (starts + count * updates * term);
    if (Math.abs(value - expected) <= bound) continue;
    throw new LimitsError(
      `multiply-add: thread ${thread} has ${value}, expected ${expected} within ${bound}.`,
    );
  }
}

const loadBody = (source: string, entries: number): string => `
  var at = id.x;
  ${lines(loads, (index) => `var sum${index} = 0u;`)}
  for (var round = 0u; round < arguments.rounds; round++) {
    ${lines(loads, (index) => `sum${index} += ${source}[(at + ${threads * index}u) & ${entries - 1}u];`)}
    at += ${threads * loads}u;
  }
  results[id.x] = ${Array.from({ length: loads }, (_, index) => `sum${index}`).join(' + ')};`;

/** Independent 32-bit loads from storage, neighbouring threads from neighbouring entries. */
export const storageLoadShader = `${header}
@group(0) @binding(2) var<storage, read> source: array<u32>;
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u) {${loadBody('source', storageEntries)}
}`;

/** The same from workgroup memory. */
export const workgroupLoadShader = `${header}
@group(0) @binding(2) var<storage, read> source: array<u32>;
var<workgroup> tile: array<u32, ${workgroupEntries}>;
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) thread: u32) {
  for (var entry = thread; entry < ${workgroupEntries}u; entry += ${threads}u) {
    tile[entry] = source[entry];
  }
  workgroupBarrier();${loadBody('tile', workgroupEntries)}
}`;

/** Loads of one thread in a round. */
export const loadsPerRound = loads;

/** What the loads read: numbers without a pattern. */
export function makeLoadSource(): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: storageEntries }, (_, index) =>
    Math.imul(index + 1, 0x9e3779b1),
  );
}

/** @throws {LimitsError} if a thread's sum is not that of `rounds` rounds over the first `entries`. */
export function checkLoads(
  words: Uint32Array,
  source: Uint32Array,
  entries: number,
  rounds: number,
): void {
  // A thread visits every 64th entry from its own on, round and round.
  const period = entries / threads;
  const visits = rounds * loads;
  for (const [thread, value] of words.entries()) {
    let [whole, rest] = [0, 0];
    for (let visit = 0; visit < period; visit++) {
      const entry = source[(thread + threads * visit) % entries] as number;
      whole = (whole + entry) >>> 0;
      if (visit < visits % period) rest = (rest + entry) >>> 0;
    }
    const expected = (Math.imul(whole, Math.floor(visits / period)) + rest) >>> 0;
    if (value === expected) continue;
    throw new LimitsError(`loads: thread ${thread} has ${value}, expected ${expected}.`);
  }
}

/** One workgroup whose threads pass a number round, with two barriers a round. */
export const barrierShader = `${header}
var<workgroup> passed: array<u32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32) {
  var own = 1000u * thread;
  for (var round = 0u; round < arguments.rounds; round++) {
    passed[thread] = own;
    workgroupBarrier();
    own = passed[(thread + 1u) % ${threads}u] + 1u;
    workgroupBarrier();
  }
  results[thread] = own;
}`;

/** @throws {LimitsError} if a thread does not hold the number that `rounds` rounds bring it. */
export function checkBarriers(words: Uint32Array, rounds: number): void {
  for (const [thread, value] of words.entries()) {
    const expected = (1000 * ((thread + rounds) % threads) + rounds) >>> 0;
    if (value === expected) continue;
    throw new LimitsError(`barriers: thread ${thread} has ${value}, expected ${expected}.`);
  }
}

/** One thread that counts its dispatches: each needs the one before. */
export const dispatchShader = `${header}
@compute @workgroup_size(1)
fn main() {
  results[0] += arguments.rounds;
}`;

/** @throws {LimitsError} if not every dispatch has counted. */
export function checkDispatches(words: Uint32Array, dispatches: number): void {
  const counted = ((words[0] ?? 0) - poison) >>> 0;
  if (counted === dispatches) return;
  throw new LimitsError(`dispatches: ${counted} of ${dispatches} have run.`);
}
