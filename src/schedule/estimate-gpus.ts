/** Public figures of a GPU, for estimates only. */
export interface GpuFigures {
  readonly name: string;
  /** Peak of float32 arithmetic, a multiply-add counting 2. */
  readonly teraflops: number;
  /** Peak memory bandwidth in GB/s (1e9 bytes). */
  readonly bandwidthGBps: number;
  /** Units that each run workgroups of their own. */
  readonly cores: number;
  /** Assumed and not published: what a dispatch costs that waits for the one before, in µs. */
  readonly dispatchUs: number;
}

/**
 * Five GPUs that stand for the kinds people have. Peaks are clock × lanes × 2; what a driver, a hot chip or a
 * shared memory leaves of them is less.
 *
 * - Apple M2: 3.6 TFLOPS, 10 cores, 100 GB/s; Apple's press release of 6 June 2022 and technical
 *   specifications of the MacBook Air (M2, 2022).
 * - NVIDIA GeForce RTX 3060 12 GB: 3584 CUDA cores in 28 SMs at 1.777 GHz boost, 360 GB/s; NVIDIA's page of the
 *   RTX 3060 family and the GA102 whitepaper (128 lanes an SM).
 * - AMD Radeon RX 6600: 8.93 TFLOPS, 28 compute units, 224 GB/s; AMD's product page.
 * - Intel Iris Xe Graphics, 80 EUs, in a Core i5-1135G7: 8 lanes an EU at 1.3 GHz, LPDDR4X-4267 on two channels;
 *   Intel ARK. An Xe-LP dual subslice has 16 EUs and runs workgroups of its own; Intel's Xe-LP architecture guide.
 * - Qualcomm Adreno 740 in a Snapdragon 8 Gen 2: LPDDR5X at 4200 MHz on 64 bits, Qualcomm's product brief. Qualcomm
 *   publishes no rate; lists say 1536 lanes in 6 processors at 0.68 GHz (others up to 3.7 TFLOPS).
 */
export const gpuFigures: readonly GpuFigures[] = [
  { name: 'Apple M2', teraflops: 3.6, bandwidthGBps: 100, cores: 10, dispatchUs: 5 },
  { name: 'NVIDIA RTX 3060', teraflops: 12.7, bandwidthGBps: 360, cores: 28, dispatchUs: 4 },
  { name: 'AMD RX 6600', teraflops: 8.93, bandwidthGBps: 224, cores: 28, dispatchUs: 4 },
  { name: 'Intel Iris Xe 80 EU', teraflops: 1.66, bandwidthGBps: 68.3, cores: 5, dispatchUs: 8 },
  { name: 'Adreno 740', teraflops: 2.09, bandwidthGBps: 67.2, cores: 6, dispatchUs: 15 },
];
