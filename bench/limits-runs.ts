/** The limit probes, compiled and ready to run. */
import {
  barrierShader,
  checkBarriers,
  checkDispatches,
  checkLoads,
  checkMultiplyAdd,
  dispatchShader,
  LimitsError,
  loadsPerRound,
  type MultiplyAddForm,
  makeLoadSource,
  multiplyAddArguments,
  multiplyAddShader,
  storageEntries,
  storageLoadShader,
  threads,
  workgroupEntries,
  workgroupLoadShader,
} from './limits-probes.ts';
import type { ProbeRig } from './limits-rig.ts';

/** A probe that can be run with any amount of work. */
export interface PreparedProbe {
  readonly kind: 'rolled' | 'unrolled' | 'storage' | 'workgroup' | 'copy' | 'dispatch' | 'barrier';
  readonly name: string;
  readonly unit: string;
  /** Whether more is better. */
  readonly isRate: boolean;
  /** Amounts to begin with and to stop at. */
  readonly first: number;
  readonly most: number;
  /** Runs an amount of work. Returns its seconds. */
  readonly run: (amount: number) => Promise<number>;
  /** @throws {LimitsError} if the last run, of that amount, has not computed what it should. */
  readonly check: (amount: number) => Promise<void>;
  /** Seconds of one unit of work in the probe's unit. */
  readonly convert: (seconds: number) => number;
}

const forms: readonly MultiplyAddForm[] = [
  { lanes: 4, accumulators: 4, unroll: 1 },
  { lanes: 4, accumulators: 8, unroll: 1 },
  { lanes: 1, accumulators: 8, unroll: 16 },
  { lanes: 1, accumulators: 12, unroll: 16 },
  { lanes: 1, accumulators: 8, unroll: 64 },
];
const mostRounds = 1 << 24;
const copyBytes = 64 * 1024 * 1024;
const patternBytes = 1024 * 1024;

/** Compiles all probes, for an adapter of that width. */
export async function prepareProbes(rig: ProbeRig, subgroupSize: number): Promise<PreparedProbe[]> {
  // A wide machine has many cores too: all are to be busy, and few rounds of many threads measure starts.
  const workgroups = 16 * subgroupSize;
  const loads = { rig, workgroups, subgroupSize };
  return Promise.all([
    ...forms.map((form) => prepareMultiplyAdd(rig, form, workgroups)),
    prepareLoads(loads, 'storage', storageLoadShader, storageEntries),
    prepareLoads(loads, 'workgroup', workgroupLoadShader, workgroupEntries),
    prepareCopy(rig),
    prepareDispatch(rig),
    prepareBarrier(rig),
  ]);
}

async function prepareMultiplyAdd(
  rig: ProbeRig,
  form: MultiplyAddForm,
  workgroups: number,
): Promise<PreparedProbe> {
  const { lanes, accumulators, unroll } = form;
  const program = await rig.bind(multiplyAddShader(form), workgroups * threads);
  let given = new Uint32Array(4);
  const kind = unroll === 1 ? 'rolled' : 'unrolled';
  const flops = 2 * lanes * accumulators * unroll * workgroups * threads;
  return {
    kind,
    name: `${kind} ${lanes === 4 ? 'vec4' : 'scalar'}, ${accumulators} accumulators × ${unroll}`,
    unit: 'GFLOP/s',
    isRate: true,
    first: Math.max(16, 512 / unroll),
    most: mostRounds,
    run: (rounds) => {
      given = multiplyAddArguments(rounds * unroll, rounds);
      program.setArguments(given);
      return rig.timeDispatches(program, workgroups);
    },
    check: async (rounds) => {
      checkMultiplyAdd(await rig.read(program.results), form, given, rounds * unroll);
    },
    convert: (seconds) => flops / seconds / 1e9,
  };
}

async function prepareLoads(
  { rig, workgroups, subgroupSize }: { rig: ProbeRig; workgroups: number; subgroupSize: number },
  kind: 'storage' | 'workgroup',
  code: string,
  entries: number,
): Promise<PreparedProbe> {
  const source = makeLoadSource();
  const program = await rig.bind(code, workgroups * threads, source);
  const loadsOfSubgroups = (loadsPerRound * workgroups * threads) / subgroupSize;
  return {
    kind,
    name: `${kind} load, 32 bits`,
    unit: 'ns a subgroup',
    isRate: false,
    first: 64,
    most: mostRounds,
    run: (rounds) => {
      program.setArguments(Uint32Array.of(rounds, 0, 0, 0));
      return rig.timeDispatches(program, workgroups);
    },
    check: async (rounds) => {
      checkLoads(await rig.read(program.results), source, entries, rounds);
    },
    convert: (seconds) => (seconds / loadsOfSubgroups) * 1e9,
  };
}

async function prepareCopy(rig: ProbeRig): Promise<PreparedProbe> {
  const bytes = Math.min(copyBytes, rig.gpu.limits.maxBufferSize);
  const pattern = Uint32Array.from({ length: patternBytes / 4 }, (_, index) =>
    Math.imul(index + 1, 0x85ebca6b),
  );
  const [source, target] = [rig.makeBuffer(bytes), rig.makeBuffer(bytes)];
  for (let offset = 0; offset < bytes; offset += patternBytes) {
    rig.gpu.queue.writeBuffer(source, offset, pattern);
  }
  return {
    kind: 'copy',
    name: `copy of ${bytes / 2 ** 20} MiB, read and written`,
    unit: 'GB/s',
    isRate: true,
    first: 1,
    most: 4096,
    run: (copies) => rig.timeCopies(source, target, copies),
    check: async () => {
      for (let offset = 0; offset < bytes; offset += bytes / 4) {
        const copied = await rig.read(target, offset, 4096);
        if (copied.every((word, index) => word === pattern[index])) continue;
        throw new LimitsError(`copy: bytes at ${offset} are not those of the source.`);
      }
    },
    convert: (seconds) => (2 * bytes) / seconds / 1e9,
  };
}

async function prepareDispatch(rig: ProbeRig): Promise<PreparedProbe> {
  const program = await rig.bind(dispatchShader, 1);
  program.setArguments(Uint32Array.of(1, 0, 0, 0));
  let total = 0;
  return {
    kind: 'dispatch',
    name: 'dispatch, each after the other',
    unit: 'µs',
    isRate: false,
    first: 64,
    most: 8192,
    run: (dispatches) => {
      total += dispatches;
      return rig.timeDispatches(program, 1, dispatches);
    },
    check: async () => checkDispatches(await rig.read(program.results), total),
    convert: (seconds) => 1e6 * seconds,
  };
}

async function prepareBarrier(rig: ProbeRig): Promise<PreparedProbe> {
  const program = await rig.bind(barrierShader, threads);
  return {
    kind: 'barrier',
    name: `barrier of ${threads} threads`,
    unit: 'ns',
    isRate: false,
    first: 64,
    most: mostRounds,
    run: (rounds) => {
      program.setArguments(Uint32Array.of(rounds, 0, 0, 0));
      return rig.timeDispatches(program, 1);
    },
    check: async (rounds) => checkBarriers(await rig.read(program.results), rounds),
    // Two barriers a round.
    convert: (seconds) => (1e9 * seconds) / 2,
  };
}
