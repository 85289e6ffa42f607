import { expect, it } from 'vitest';
import { describeReport } from '../../../src/cli/info-command.ts';
import type { DeviceLimits } from '../../../src/device/adapter.ts';

it('describes an adapter that fails its self-test', () => {
  const text = describeReport({
    adapter: 'Some GPU (hardware) on Dawn/Node',
    info: {
      vendor: 'some',
      architecture: '',
      description: 'Some GPU',
      software: false,
      runtime: 'node',
    },
    features: ['subgroups'],
    limits: {
      maxBufferSize: 2 ** 30,
      maxComputeWorkgroupSizeX: 1024,
      maxComputeWorkgroupStorageSize: 16384,
    } as DeviceLimits,
    selfTest: { passed: false, ms: 12.3, reason: 'loss is 1, expected 2.' },
  });
  expect(text.split('\n')).toEqual([
    'adapter    Some GPU (hardware) on Dawn/Node',
    'kind       hardware',
    'vendor     some, architecture not told',
    'features   subgroups',
    'limits',
    '  maxBufferSize                      1 GiB',
    '  maxComputeWorkgroupSizeX           1,024',
    '  maxComputeWorkgroupStorageSize     16 KiB',
    'self-test  FAILED: loss is 1, expected 2. (12 ms)',
  ]);
});

it('has little to say of the reference', () => {
  const nothing = { info: null, features: [], limits: null, selfTest: null };
  expect(describeReport({ adapter: 'float64 reference', ...nothing })).toBe(
    'adapter    float64 reference',
  );
});
