import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { Interruption } from '../../../src/cli/interruption.ts';

it('aborts at the first signal, says which, and lets go of the signals', () => {
  const before = process.listenerCount('SIGTERM');
  const told: string[] = [];
  {
    using interruption = new Interruption((signal) => told.push(signal));
    expect(interruption.signal.aborted).toBe(false);
    process.emit('SIGTERM');
    expect(interruption.signal.aborted).toBe(true);
    expect(interruption.reason).toBe('SIGTERM');
  }
  expect(told).toEqual(['SIGTERM']);
  expect(process.listenerCount('SIGTERM')).toBe(before);
});

it('aborts at the time limit', async () => {
  using interruption = new Interruption(() => undefined, 20);
  await sleep(60);
  expect(interruption.reason).toBe('time limit');
  expect(interruption.signal.aborted).toBe(true);
});

it('lets a signal count more than the time limit', async () => {
  using interruption = new Interruption(() => undefined, 1);
  await sleep(20);
  process.emit('SIGINT');
  expect(interruption.reason).toBe('SIGINT');
});

it('ends the process at the second signal', () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  using _interruption = new Interruption(() => undefined);
  process.emit('SIGINT');
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGTERM');
  expect(exit).toHaveBeenCalledExactlyOnceWith(143);
  exit.mockRestore();
});
