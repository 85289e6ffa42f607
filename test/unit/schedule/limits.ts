import type { PlanLimits } from '../../../src/graph/operator.ts';

/** A software adapter's limits: WebGPU's defaults and four lanes. */
export const narrowLimits: PlanLimits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeWorkgroupsPerDimension: 65_535,
  maxStorageBuffersPerShaderStage: 8,
  maxUniformBufferBindingSize: 65_536,
  maxStorageBufferBindingSize: 134_217_728,
  maxBufferSize: 268_435_456,
  laneWidth: 4,
  isSoftware: true,
  hasSubgroups: true,
  hasF16: false,
};

/** A GPU's limits: 32 lanes. */
export const wideLimits: PlanLimits = { ...narrowLimits, laneWidth: 32, isSoftware: false };
