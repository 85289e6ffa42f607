import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { OptionError } from '../../../src/errors.ts';
import type { KernelDescription } from '../../../src/kernels/description.ts';
import { cellParts } from '../../../src/kernels/generated/parts.ts';
import {
  defineLaunch,
  type KernelBindings,
  type KernelConstants,
  type LaunchRequest,
  type TypedLaunch,
} from '../../../src/kernels/launch.ts';

const binding = { group: 0, kind: 'storage', access: 'read', type: 'array<f32>' } as const;
const scale = {
  name: 'scale',
  entryPoint: 'main',
  source: '',
  joins: [],
  cell: false,
  constants: { count: 'u32', negated: 'bool' },
  bindings: { source: { ...binding, binding: 0 }, target: { ...binding, binding: 1 } },
} as const satisfies KernelDescription;
const step = { ...scale, name: 'step', cell: 'cells' } as const satisfies KernelDescription;

const cost = { flops: 0, readBytes: 4, writtenBytes: 4 };
const request = {
  label: 'layer/scale',
  constants: { count: 4, negated: false },
  bindings: { source: 'x', target: 'y' },
  workgroups: [1, 1, 1],
  cost,
} as const;
const ofCell = { ...request, cell: 'throw-away', cellConstants: { slope: 0.5 } };

describe('launches', () => {
  beforeEach(() => {
    const constants = { slope: 'f32', count: 'u32' } as const;
    cellParts['throw-away'] = { name: 'cells/throw-away', source: '', constants };
  });
  afterEach(() => {
    delete cellParts['throw-away'];
  });

  it('are plain data, named after their kernel', () => {
    expect(defineLaunch(scale, request)).toEqual({ ...request, kernel: 'scale' });
    const { cellConstants, ...rest } = ofCell;
    const constants = { ...request.constants, ...cellConstants };
    expect(defineLaunch(step, ofCell)).toEqual({ ...rest, kernel: 'step', constants });
  });

  it('are typed by their kernel', () => {
    type Request = LaunchRequest<typeof scale, string>;
    expectTypeOf(defineLaunch(scale, request)).toEqualTypeOf<TypedLaunch<'x' | 'y'>>();
    expectTypeOf<KernelConstants<typeof scale>>().toEqualTypeOf<{
      readonly count: number;
      readonly negated: boolean;
    }>();
    expectTypeOf<KernelBindings<typeof scale, string>>().toEqualTypeOf<{
      readonly source: string;
      readonly target: string;
    }>();
    expectTypeOf<typeof request>().toExtend<Request>();
    expectTypeOf<
      Omit<typeof request, 'constants'> & { constants: { count: 4 } }
    >().not.toExtend<Request>();
    expectTypeOf<
      Omit<typeof request, 'bindings'> & { bindings: { sauce: 'x'; target: 'y' } }
    >().not.toExtend<Request>();
    expectTypeOf<typeof ofCell>().not.toExtend<Request>();
    expectTypeOf<typeof request>().not.toExtend<LaunchRequest<typeof step, string>>();
  });

  it('refuse misspelt and surplus names while they are typed', () => {
    const constants = { count: 4, negated: false };
    const bindings = { source: 'x', target: 'y' };
    const surplus = { ...bindings, spare: 'z' };
    const rest = { label: 'layer/scale', workgroups: [1, 1, 1], cost } as const;
    expect(() =>
      // @ts-expect-error a constant the kernel does not have
      defineLaunch(scale, { ...rest, bindings, constants: { ...constants, depth: 1 } }),
    ).toThrow("layer/scale (kernel scale): constant 'depth' is unknown, expected count, negated.");
    expect(() =>
      // @ts-expect-error a binding that is missing
      defineLaunch(scale, { ...rest, constants, bindings: { source: 'x' } }),
    ).toThrow("layer/scale (kernel scale): binding 'target' is missing, expected source, target.");
    expect(() =>
      // @ts-expect-error a binding the kernel does not have, also where it is no literal
      defineLaunch(scale, { ...rest, constants, bindings: surplus }),
    ).toThrow("layer/scale (kernel scale): binding 'spare' is unknown, expected source, target.");
  });

  const generic: KernelDescription = scale;
  const genericStep: KernelDescription = step;
  const broken: [string, KernelDescription, object, string][] = [
    [
      'a value out of range',
      generic,
      { constants: { count: -1, negated: true } },
      "constant 'count' (u32) is -1, expected an integer from 0 to 4294967295.",
    ],
    [
      'a missing constant of the cell',
      genericStep,
      { cell: 'throw-away' },
      "constant 'slope' (f32) has no value, expected a finite number of float32. Pass constants: { slope: … }.",
    ],
    [
      'an unknown constant of the cell',
      genericStep,
      { cell: 'throw-away', cellConstants: { slope: 1, bend: 2 } },
      "constant 'bend' is unknown, expected count, negated, slope.",
    ],
    [
      'a cell for a kernel that has none',
      generic,
      { cell: 'throw-away' },
      "got cell 'throw-away', expected none, as the kernel joins none.",
    ],
    [
      'workgroups that are no counts',
      generic,
      { workgroups: [1, 0, 1.5] },
      'workgroups are [1, 0, 1.5], expected positive integers.',
    ],
  ];
  it.each(broken)('refuse %s', (_name, kernel, change, message) => {
    const given = { ...request, ...change } as LaunchRequest<KernelDescription, string>;
    const expected = new OptionError(`layer/scale (kernel ${kernel.name}): ${message}`);
    expect(() => defineLaunch(kernel, given)).toThrow(expected);
  });

  it('refuse unknown cells and missing ones by the list of cells', () => {
    const unknown = { ...ofCell, cell: 'lsmt' };
    expect(() => defineLaunch(step, unknown)).toThrow(
      /^layer\/scale \(kernel step\): cell 'lsmt' has no WGSL, expected one of .*throw-away/,
    );
    expect(() => defineLaunch(step, { ...ofCell, cell: 'min-gru' })).toThrow(
      /^layer\/scale \(kernel step\): cell 'min-gru' is a scan-cells\/min-gru, expected one of .*throw-away/,
    );
    const without = request as unknown as typeof ofCell;
    expect(() => defineLaunch(step, without)).toThrow(
      /^layer\/scale \(kernel step\): got no cell, expected one of .*throw-away\.$/,
    );
  });
});
