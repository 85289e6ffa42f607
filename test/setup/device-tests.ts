import { afterEach, beforeAll } from 'vitest';
import { requestDevice } from '../../src/device/request.ts';
import { logAdapter } from '../support/adapter-log.ts';
import './calm-waiting.ts';
import { takeUncapturedErrors } from './uncaptured-errors.ts';

/** Tests on a real adapter fail where there is none, and where the device reports an error. */

beforeAll(async () => {
  using device = await requestDevice();
  logAdapter(device.describe());
});

afterEach(async () => {
  const errors = await takeUncapturedErrors();
  if (errors.length > 0) {
    throw new Error(`the device reported errors that nobody captured:\n${errors.join('\n')}`);
  }
});
