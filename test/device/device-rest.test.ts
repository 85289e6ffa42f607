import { expect, it } from 'vitest';
import { compileAccumulate } from '../device-cases/accumulate-plan.ts';
import { useDevice } from '../support/device.ts';

const getDevice = useDevice();

it('rests while a software adapter computes on the same cores, and other callbacks still run', async (context) => {
  const device = getDevice();
  if (!device.info.software) context.skip('a hardware adapter leaves the cores alone');
  const { executable, dispose } = await compileAccumulate(device);
  let turns = 0;
  let isWaiting = true;
  const count = (): void => {
    turns += 1;
    if (isWaiting) setImmediate(count);
  };
  const begun = performance.now();
  for (let submit = 0; submit < 40; submit += 1) executable.run({ repeats: 500 });
  const submitted = performance.now();
  setImmediate(count);
  await device.check();
  isWaiting = false;
  const waitedMs = performance.now() - submitted;
  console.log(
    `${turns} turns in ${waitedMs.toFixed(0)} ms, ${(submitted - begun).toFixed(0)} ms to submit`,
  );
  // Dawn's polling alone makes a hundred turns and more a millisecond.
  expect(waitedMs).toBeGreaterThan(50);
  expect(turns / waitedMs).toBeGreaterThan(0.05);
  expect(turns / waitedMs).toBeLessThan(10);
  dispose();
});
