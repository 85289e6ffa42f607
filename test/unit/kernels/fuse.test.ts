import { describe, expect, it } from 'vitest';
import type { KernelDescription } from '../../../src/kernels/description.ts';
import { fuseLaunches } from '../../../src/kernels/fuse.ts';
import { copyStrided } from '../../../src/kernels/generated/copy-strided.ts';
import { finishStep } from '../../../src/kernels/generated/finish-step.ts';
import { kernels } from '../../../src/kernels/generated/index.ts';
import { matmul } from '../../../src/kernels/generated/matmul.ts';
import type { Launch } from '../../../src/schedule/plan.ts';

const cost = { flops: 0, readBytes: 0, writtenBytes: 0 };
const uniform = { buffer: 1, offsetBytes: 0, bytes: 64 };
const content = new Uint8Array(Uint32Array.from({ length: 16 }, (_, at) => 100 + at).buffer);
const buffers = [{ bytes: 1024 }, { bytes: 64, content }, { bytes: 256 }];

function copy(label: string, from: number, to: number): Launch {
  const view = (offsetBytes: number) => ({ buffer: 0, offsetBytes, bytes: 256 });
  const bindings = { copy: uniform, source_words: view(from), target_words: view(to) };
  const workgroups = [1, 1, 1] as const;
  return {
    label,
    kernel: 'copy-strided',
    constants: { threads: 4, is_half: false },
    bindings,
    workgroups,
    cost,
  };
}

const matmulConstants = {
  walks_rows: false,
  walks_terms: false,
  rows: 1,
  columns: 1,
  lanes_m: 1,
  lanes_n: 4,
  has_tail: false,
  b_has_tiles: false,
  sums_columns: false,
  spreads: false,
  stage_k: 0,
  slices: 1,
  a_is_half: false,
  b_is_half: false,
  c_is_half: false,
};

function bindAll({ bindings }: KernelDescription): Launch['bindings'] {
  const storage = { buffer: 0, offsetBytes: 0, bytes: 256 };
  const entries = Object.entries(bindings);
  return Object.fromEntries(
    entries.map(([name, { kind }]) => [name, kind === 'uniform' ? uniform : storage]),
  );
}

function fuse(launches: readonly Launch[]) {
  const request = { lanes: 4, prologue: [], buffers };
  const fused = launches.map((launch) => ({ launch, kernel: copyStrided, cell: undefined }));
  return fuseLaunches({ ...request, launches: fused });
}

/** What stands between the calls of launches in the loop over repetitions. */
function sequence(code: string): string {
  const loop = code.slice(code.indexOf('for (var repeat'));
  return [...loop.matchAll(/run(\d)\(lane\)|storageBarrier/g)]
    .map(([all, n]) => n ?? all)
    .join(' ');
}

describe('fusing launches', () => {
  it('puts a barrier where a launch touches what one before has written, and behind the last', () => {
    const { code } = fuse([copy('a', 0, 256), copy('b', 0, 512), copy('c', 512, 768)]);
    expect(sequence(code)).toBe('0 1 storageBarrier 2 storageBarrier');
  });

  it('waits before it overwrites what a launch before reads', () => {
    const { code } = fuse([copy('a', 0, 256), copy('b', 512, 0)]);
    expect(sequence(code)).toBe('0 storageBarrier 1 storageBarrier');
  });

  it('binds each buffer once, whatever the launches call it', () => {
    const { code, bindings } = fuse([copy('a', 0, 256), copy('b', 256, 512)]);
    expect(bindings).toEqual([{ buffer: 0, kind: 'storage' }]);
    expect(code).toContain('@binding(1) var<storage, read_write> memory_0: array<u32, 256>;');
    expect(code).toContain(
      'fn launch1_source_words_get(i0: u32) -> u32 { return memory_0[64u + i0]; }',
    );
  });

  it('writes out what uniforms hold, but for settings, which are bound', () => {
    const launch = copy('a', 0, 256);
    const { code, bindings } = fuse([launch]);
    expect(bindings).toEqual([{ buffer: 0, kind: 'storage' }]);
    // Words of the struct Copy: extents, count, source_strides, source_offset.
    expect(code).toContain('copy_get_count() -> u32 { return known_word(103u); }');
    expect(code).toContain(
      'copy_get_source_offset() -> i32 { return bitcast<i32>(known_word(107u)); }',
    );
    const settings = { ...launch.bindings, copy: { ...uniform, isSetting: true } };
    const bound = fuse([{ ...launch, bindings: settings }]);
    expect(bound.bindings[0]).toEqual({ buffer: 1, kind: 'uniform' });
    expect(bound.code).toContain('copy_get_count() -> u32 { return memory_0[0u].w; }');
  });

  it('refuses uniforms whose content is not known', () => {
    const launches = [{ launch: copy('a', 0, 256), kernel: copyStrided, cell: undefined }];
    const unknown = [{ bytes: 1024 }, { bytes: 64 }];
    expect(() => fuseLaunches({ lanes: 4, prologue: [], launches, buffers: unknown })).toThrow(
      'buffer 1: uniforms of unknown content cannot be fused.',
    );
  });

  it('runs threads that are as many as the lanes without a loop, others in one that ends as they do', () => {
    const lines = (threads: number) => {
      const launch = { ...copy('a', 0, 256), constants: { threads, is_half: false } };
      const { code } = fuse([launch]);
      return code.slice(code.indexOf('fn run0'), code.indexOf('@compute'));
    };
    expect(lines(4)).not.toMatch(/loop|if/);
    expect(lines(3)).toMatch(/^fn run0.*\n {2}var thread = lane;\n {2}if \(thread < 3u\) \{/);
    expect(lines(12)).toMatch(/loop \{[\s\S]*thread \+= 4u;\n {6}break if thread >= 12u;/);
    expect(lines(10)).toMatch(/loop \{\n {4}if \(thread < 10u\)/);
  });

  it('puts the directives of all launches in front', () => {
    const launch: Launch = {
      ...copy('a', 0, 256),
      kernel: 'matmul',
      constants: { ...matmulConstants, spreads: true },
      bindings: bindAll(matmul),
    };
    const launches = [launch, launch].map((each) => ({
      launch: each,
      kernel: matmul,
      cell: undefined,
    }));
    const { code } = fuseLaunches({ lanes: 4, prologue: [], launches, buffers });
    expect(code).toMatch(/^enable subgroups;\nfn known_word/);
    expect(code.match(/enable/g)).toHaveLength(1);
  });

  it('refuses workgroups of another size whose threads wait for each other', () => {
    const bindings = bindAll(finishStep);
    const constants = {
      part_count: 1,
      capacity: 1,
      is_cosine: false,
      threads: 64,
      scales_loss: false,
      sums_as_tree: false,
      sums_in_subgroup: false,
      growth_steps: 0,
    };
    const kernel = 'finish-step';
    const launch: Launch = {
      label: 'finish',
      kernel,
      constants,
      bindings,
      workgroups: [1, 1, 1],
      cost,
    };
    const launches = [{ launch, kernel: finishStep, cell: undefined }];
    expect(() => fuseLaunches({ lanes: 4, prologue: [], launches, buffers })).toThrow(
      "launch 'finish': workgroups of 64 threads that wait for each other cannot run on 4 lanes. " +
        'Give the kernel a constant for its threads, and take it from the limits.',
    );
  });

  it('knows that every kernel with barriers takes its threads from a constant', () => {
    for (const { name, source } of Object.values(kernels)) {
      const waits = /Barrier\(\)|workgroupUniformLoad/.test(source);
      const size = /@workgroup_size\(([^)]*)\)/.exec(source)?.[1] ?? '';
      // Rows are walked by one thread each in a resident plan: no barrier is left there.
      if (waits && !source.includes('row_threads')) expect(`${name}: ${size}`).not.toMatch(/: \d/);
    }
  });
});
