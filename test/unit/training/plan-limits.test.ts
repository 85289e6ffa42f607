import { describe, expect, it } from 'vitest';
import type { Device } from '../../../src/device/device.ts';
import { planLimits } from '../../../src/training/plan-limits.ts';

function lanesOf(description: string, software: boolean, ...sizes: number[]): number {
  const [subgroupMinSize, subgroupMaxSize = subgroupMinSize] = sizes;
  const gpu = { adapterInfo: { subgroupMinSize, subgroupMaxSize } };
  const info = { description, software, vendor: '' };
  const device = { gpu, info, limits: {}, features: new Set() } as unknown as Device;
  return planLimits(device).laneWidth;
}

describe('lanes that an adapter computes in step', () => {
  it('are what WebGPU says', () => {
    expect(lanesOf('SwiftShader Device (Subzero)', true, 4)).toBe(4);
    expect(lanesOf('llvmpipe (LLVM 15.0.6, 256 bits)', true, 8)).toBe(8);
    expect(lanesOf('', false, 16)).toBe(16);
    expect(lanesOf('', false, 8, 32)).toBe(8);
    expect(lanesOf('', true, 4, 4)).toBe(4);
  });

  it('are 32 on a GPU of which it says that they are any number, as Firefox does', () => {
    expect(lanesOf('', false, 4, 128)).toBe(32);
    expect(lanesOf('', true, 4, 128)).toBe(4);
  });

  it('are those of its vectors where it says nothing', () => {
    expect(lanesOf('llvmpipe (LLVM 15.0.6, 256 bits)', true)).toBe(8);
    expect(lanesOf('llvmpipe (LLVM 19.1.7, 128 bits)', true)).toBe(4);
    expect(lanesOf('llvmpipe (LLVM 19.1.7, 512 bits)', true)).toBe(16);
    expect(lanesOf('SwiftShader Device (Subzero)', true)).toBe(4);
    expect(lanesOf('', true)).toBe(4);
    expect(lanesOf('Apple M2 (256 bits)', false)).toBe(32);
  });
});
