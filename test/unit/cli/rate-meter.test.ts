import { expect, it } from 'vitest';
import { RateMeter } from '../../../src/cli/rate-meter.ts';

it('is 0 before anything was counted', () => {
  expect(new RateMeter(0).perSecond).toBe(0);
});

it('measures bursts', () => {
  const meter = new RateMeter(1000);
  meter.add(100, 1500);
  meter.add(100, 1500);
  expect(meter.perSecond).toBe(400);
});

it('does not count the beginning of a burst for the whole of it', () => {
  const meter = new RateMeter(0);
  for (const ms of [1000, 2000, 3000]) {
    for (let item = 0; item < 10; item += 1) meter.add(10, ms + item);
  }
  meter.add(10, 4000);
  expect(Math.round(meter.perSecond)).toBe(100);
});

it('forgets what lies before its window', () => {
  const meter = new RateMeter(0, 1000);
  meter.add(1, 4000);
  for (let ms = 4100; ms <= 6000; ms += 100) meter.add(50, ms);
  expect(meter.perSecond).toBe(500);
});
