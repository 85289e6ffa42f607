import { expect, it } from 'vitest';
import { requestDevice, selfTest } from '../../src/index.ts';

it('the test of a hardware adapter reaches slices and sums in parts', async () => {
  using hardware = await requestDevice();
  Object.defineProperty(hardware, 'info', { value: { ...hardware.info, software: false } });
  const labels: string[] = [];
  const { compile } = hardware;
  hardware.compile = (plan, ...rest) => {
    for (const { label, constants } of plan.launches) {
      if (label.endsWith('.parts') || (constants.slices as number) > 1) labels.push(label);
    }
    return compile.call(hardware, plan, ...rest);
  };
  const { worst } = await selfTest(hardware);
  expect(worst.ratio).toBeLessThan(1);
  expect(labels).toContain('lstm/recurrence_l0');
  expect(labels).toContain('linear.d_weight.parts');
});
