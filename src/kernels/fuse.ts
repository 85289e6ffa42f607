import { ShaderError } from '../errors.ts';
import type { BufferView, Launch } from '../schedule/plan.ts';
import type { KernelDescription, PartDescription } from './description.ts';
import { type LaunchFunction, makeLaunchFunction } from './launch-function.ts';
import { knownWord, type MemoryPlace } from './memory-access.ts';

/** Launches that are to become one kernel of one workgroup. */
export interface FuseRequest {
  /** Threads of the workgroup. */
  readonly lanes: number;
  /** Run once, before the others, where a run asks for it. */
  readonly prologue: readonly FusedLaunch[];
  /** Run as often as a run asks for. */
  readonly launches: readonly FusedLaunch[];
  /** The buffers that the launches' views name. What uniforms hold is written out, but for settings. */
  readonly buffers: readonly { readonly bytes: number; readonly content?: Uint8Array }[];
}

/** A launch with its kernel and cell. */
export interface FusedLaunch {
  readonly launch: Launch;
  readonly kernel: KernelDescription;
  readonly cell: PartDescription | undefined;
}

/** One kernel that does what many launches do. */
export interface FusedKernel {
  readonly code: string;
  /**
   * Buffers bound in group 0 from binding 1 on; binding 0 is a uniform `Run` of two u32: how often to repeat,
   * and whether to run the prologue first.
   */
  readonly bindings: readonly { readonly buffer: number; readonly kind: 'uniform' | 'storage' }[];
}

/** Bytes of the `Run` that a fused kernel reads. */
export const fusedRunBytes = 8;

/**
 * Joins launches into one kernel whose single workgroup runs them one after another, as often as wanted. What
 * is a dispatch costs a barrier then, which is less where a launch has little to do.
 *
 * A launch without barriers is a loop over all of its threads; one with barriers needs workgroups of exactly
 * `lanes` threads, which take turns. A barrier stands between launches only where one of them touches what
 * the other writes.
 *
 * @throws {ShaderError} for a launch that does not fit.
 */
export function fuseLaunches(request: FuseRequest): FusedKernel {
  const { lanes, prologue, launches, buffers } = request;
  const memory = new Memory(buffers);
  const all = [...prologue, ...launches];
  const functions = all.map((fused, index) => {
    const prefix = `launch${index}`;
    const { launch, kernel, cell } = fused;
    const { label, constants } = launch;
    const places = memory.placesOf(fused);
    return makeLaunchFunction({ prefix, label, kernel, cell, constants, places });
  });
  const runners = functions.map((made, index) =>
    runnerOf(`run${index}`, made, (all[index] as FusedLaunch).launch, lanes),
  );
  const code = [
    ...new Set(functions.flatMap(({ directives }) => directives)),
    knownWord,
    ...memory.declarations,
    'struct Run { repeats: u32, runs_prologue: u32 }',
    '@group(0) @binding(0) var<uniform> run: Run;',
    ...functions.flatMap(({ declarations }) => declarations),
    ...runners,
    `@compute @workgroup_size(${lanes})`,
    'fn main(@builtin(local_invocation_index) lane: u32) {',
    '  if (run.runs_prologue == 1u) {',
    ...callsOf(prologue, 0),
    '  }',
    '  for (var repeat = 0u; repeat < run.repeats; repeat++) {',
    ...callsOf(launches, prologue.length),
    '  }',
    '}',
    '',
  ].join('\n');
  return { code, bindings: memory.bindings };
}

/** Buffers as globals, in the order in which they are first named. */
class Memory {
  readonly bindings: { buffer: number; kind: 'uniform' | 'storage' }[] = [];
  readonly declarations: string[] = [];

  constructor(private readonly buffers: FuseRequest['buffers']) {}

  placesOf({ launch, kernel }: FusedLaunch): Map<string, MemoryPlace> {
    return new Map(
      Object.entries(kernel.bindings).map(([name, { kind }]) => {
        const view = launch.bindings[name] as BufferView;
        const { offsetBytes, bytes, strides } = view;
        const memory = this.#memoryOf(view, kind);
        return [name, { memory, word: offsetBytes / 4, wordCount: bytes / 4, strides }];
      }),
    );
  }

  #memoryOf({ buffer, isSetting }: BufferView, kind: 'uniform' | 'storage'): MemoryPlace['memory'] {
    if (kind === 'storage') return this.#globalOf(buffer, kind);
    if (isSetting) return { uniform: this.#globalOf(buffer, kind) };
    const { content } = this.buffers[buffer] ?? {};
    if (!content) {
      throw new ShaderError(`buffer ${buffer}: uniforms of unknown content cannot be fused.`);
    }
    return new Uint32Array(content.slice().buffer);
  }

  #globalOf(buffer: number, kind: 'uniform' | 'storage'): string {
    let index = this.bindings.findIndex((known) => known.buffer === buffer);
    if (index < 0) {
      index = this.bindings.length;
      this.bindings.push({ buffer, kind });
      const { bytes = 0 } = this.buffers[buffer] ?? {};
      const [space, type] =
        kind === 'uniform'
          ? ['uniform', `array<vec4u, ${bytes / 16}>`]
          : ['storage, read_write', `array<u32, ${bytes / 4}>`];
      this.declarations.push(
        `@group(0) @binding(${index + 1}) var<${space}> memory_${index}: ${type};`,
      );
    }
    return `memory_${index}`;
  }
}

/** The function that runs all workgroups of a launch on the lanes of one. */
function runnerOf(name: string, made: LaunchFunction, launch: Launch, lanes: number): string {
  const { workgroupSize, hasBarriers, hasWorkgroupMemory } = made;
  const [sizeX, sizeY, sizeZ] = workgroupSize;
  const [x, y, z] = launch.workgroups;
  const size = sizeX * sizeY * sizeZ;
  const groups = x * y * z;
  const local = split('local', workgroupSize);
  const values: Readonly<Record<string, string>> = {
    workgroup_id: 'group',
    num_workgroups: `vec3u(${x}u, ${y}u, ${z}u)`,
    local_invocation_index: 'local',
    local_invocation_id: local,
    global_invocation_id: `group * vec3u(${sizeX}u, ${sizeY}u, ${sizeZ}u) + ${local}`,
  };
  const call = `${made.name}(${made.builtins.map((builtin) => values[builtin]).join(', ')});`;
  const group = `let group = ${split('index', launch.workgroups)};`;
  if (!hasBarriers) {
    const threads = groups * size;
    const body = [
      `let local = ${groups === 1 ? 'thread' : remainder('thread', size)};`,
      `let index = ${groups === 1 ? '0u' : quotient('thread', size)};`,
      group,
      call,
    ];
    return [`fn ${name}(lane: u32) {`, ...turnsOf(threads, lanes, body), '}'].join('\n');
  }
  if (size !== lanes) {
    throw new ShaderError(
      `launch '${launch.label}': workgroups of ${size} threads that wait for each other cannot run on ` +
        `${lanes} lanes. Give the kernel a constant for its threads, and take it from the limits.`,
    );
  }
  const body = [group, call, ...(hasWorkgroupMemory ? ['workgroupBarrier();'] : [])];
  const lines = groups === 1 ? body : ['var index = 0u;', ...repeatUpTo('index', 1, groups, body)];
  return [`fn ${name}(local: u32) {`, ...indented(lines), '}'].join('\n');
}

/** The threads of a launch, `lanes` of them at a time. */
function turnsOf(threads: number, lanes: number, body: readonly string[]): string[] {
  const isEven = threads % lanes === 0;
  const turn = isEven ? body : [`if (thread < ${threads}u) {`, ...indented(body), '}'];
  const turns = threads <= lanes ? turn : repeatUpTo('thread', lanes, threads, turn);
  return indented(['var thread = lane;', ...turns]);
}

/**
 * A loop whose first round always runs. A software adapter that runs its lanes behind masks leaves a `for` only at its
 * end: it goes through the body once more with all lanes off.
 */
function repeatUpTo(
  variable: string,
  step: number,
  end: number,
  body: readonly string[],
): string[] {
  const next = [`${variable} += ${step}u;`, `break if ${variable} >= ${end}u;`];
  return ['loop {', ...indented([...body, 'continuing {', ...indented(next), '}']), '}'];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

/** A number as three indices, the first of them running fastest. */
function split(name: string, [x, y, z]: readonly [number, number, number]): string {
  if (x * y * z === 1) return 'vec3u()';
  if (y * z === 1) return `vec3u(${name}, 0u, 0u)`;
  const middle = quotient(name, x);
  if (z === 1) return `vec3u(${remainder(name, x)}, ${middle}, 0u)`;
  return `vec3u(${remainder(name, x)}, ${remainder(middle, y)}, ${quotient(name, x * y)})`;
}

/** Divisions cost a software adapter dozens of cycles per lane, shifts none. */
function quotient(name: string, size: number): string {
  if (size === 1) return name;
  return isPowerOfTwo(size) ? `(${name} >> ${Math.log2(size)}u)` : `(${name} / ${size}u)`;
}

function remainder(name: string, size: number): string {
  if (size === 1) return '0u';
  return isPowerOfTwo(size) ? `(${name} & ${size - 1}u)` : `(${name} % ${size}u)`;
}

function isPowerOfTwo(size: number): boolean {
  return Number.isInteger(Math.log2(size));
}

/** Calls of launches in order, with a barrier behind the last and wherever one waits for another. */
function callsOf(launches: readonly FusedLaunch[], firstIndex: number): string[] {
  const barrier = '    storageBarrier();';
  let read: BufferView[] = [];
  let written: BufferView[] = [];
  const lines: string[] = [];
  for (const [index, { launch, kernel }] of launches.entries()) {
    const reads: BufferView[] = [];
    const writes: BufferView[] = [];
    for (const [name, { access }] of Object.entries(kernel.bindings)) {
      (access === 'read' ? reads : writes).push(launch.bindings[name] as BufferView);
    }
    const waits = overlap(written, [...reads, ...writes]) || overlap(read, writes);
    if (waits) {
      lines.push(barrier);
      read = [];
      written = [];
    }
    read.push(...reads);
    written.push(...writes);
    lines.push(`    run${firstIndex + index}(lane);`);
  }
  return [...lines, barrier];
}

function overlap(some: readonly BufferView[], others: readonly BufferView[]): boolean {
  return some.some((a) =>
    others.some(
      (b) =>
        a.buffer === b.buffer &&
        a.offsetBytes < b.offsetBytes + b.bytes &&
        b.offsetBytes < a.offsetBytes + a.bytes,
    ),
  );
}
