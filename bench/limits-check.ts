/** `tsx bench/limits-check.ts`: measures the adapter at hand and the library's products on it. */
import { requestDevice } from '../src/index.ts';
import { describeMatmul, measureMatmul } from './best-matmul.ts';
import { describeLimits, measureLimits } from './limits.ts';

using device = await requestDevice();
console.log(device.describe());
const limits = await measureLimits(device.gpu);
console.log(describeLimits(limits));
const start = performance.now();
const rates = await measureMatmul(device);
console.log(describeMatmul(rates));
const share = (100 * rates.best.gflops) / limits.rolledGflops;
console.log(
  `  ${share.toFixed(0)} % of the rolled-loop rate; ${(performance.now() - start).toFixed(0)} ms in all`,
);
