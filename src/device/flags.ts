/** WebGPU's buffer usages. The global `GPUBufferUsage` does not exist where WebGPU is a package. */
export const bufferUsage = {
  mapRead: 0x1,
  copySource: 0x4,
  copyTarget: 0x8,
  uniform: 0x40,
  storage: 0x80,
  queryResolve: 0x200,
} as const;

/** `GPUMapMode.READ`. */
export const mapModeRead = 0x1;

/** `GPUShaderStage.COMPUTE`. */
export const shaderStageCompute = 0x4;
