import { describe, expect, it } from 'vitest';
import { describeFailure, formatParserMessage } from '../../../src/cli/failure.ts';
import { DeviceError, NonFiniteError, OptionError } from '../../../src/errors.ts';

describe('describeFailure', () => {
  it.each([
    ['usage', new OptionError('hidden is 0, expected more.'), 2],
    ['no adapter', new DeviceError('asked for hardware, found none.'), 2],
    ['divergence', new NonFiniteError('step 3: the loss is NaN.'), 1],
  ])('gives one line and the exit code for %s', (_what, error, exitCode) => {
    expect(describeFailure(error, false)).toEqual({ text: `gatefold: ${error.message}`, exitCode });
  });

  it('puts a message of several lines on one', () => {
    const { text } = describeFailure(new OptionError('first\n  second'), false);
    expect(text).toBe('gatefold: first second');
  });

  it('names the file of a system error', () => {
    const error = Object.assign(new Error('ENOENT: no such file'), {
      code: 'ENOENT',
      path: 'a.txt',
    });
    expect(describeFailure(error, false)).toEqual({
      text: 'gatefold: a.txt: it does not exist',
      exitCode: 2,
    });
  });

  it('says of an error nobody foresaw how to see more', () => {
    const { text, exitCode } = describeFailure(new TypeError('x is undefined'), false);
    expect(text).toBe('gatefold: x is undefined (unexpected; GATEFOLD_DEBUG=1 shows where)');
    expect(exitCode).toBe(1);
  });

  it('shows the stack for debugging only', () => {
    const error = new OptionError('wrong');
    expect(describeFailure(error, false).text).not.toContain('failure.test');
    expect(describeFailure(error, true).text).toContain('failure.test');
  });
});

it('rewrites a message of the parser as one line', () => {
  const message = "error: unknown option '--hiden'\n(Did you mean --hidden?)\n";
  expect(formatParserMessage(message)).toBe(
    "gatefold: unknown option '--hiden' (Did you mean --hidden?)\n",
  );
});
