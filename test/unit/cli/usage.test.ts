import { describe, expect, it } from 'vitest';
import { runCli } from './run-cli.ts';

describe('wrong usage ends with exit code 2 and one line', () => {
  it.each([
    [['train', '--hiden', '3'], "gatefold: unknown option '--hiden' (Did you mean --hidden?)"],
    [
      ['train', '--hidden', 'abc'],
      "gatefold: option '--hidden <n>' argument 'abc' is invalid. Expected a positive integer.",
    ],
    [
      ['train', '--cell', 'lstn'],
      /^gatefold: option '--cell <name>' argument 'lstn' is invalid\. Allowed choices are rnn, /,
    ],
    [['trian'], "gatefold: unknown command 'trian' (Did you mean train?)"],
    [['sample'], "gatefold: missing required argument 'checkpoint'"],
    [['sample', 'none.safetensors'], 'gatefold: none.safetensors: it does not exist'],
    [['parity', 'none'], 'gatefold: none: it does not exist'],
    [
      ['tune', '--device', 'reference'],
      'gatefold: tune: --device reference has no kernels. Choose an adapter.',
    ],
    [['tune', '--budget', '0'], /^gatefold: option '--budget <seconds>' argument '0' is invalid\./],
    [['train', '--text', 'none.txt', '--device', 'reference'], /none\.txt: it does not exist$/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await runCli(args);
    expect(stderr.trimEnd()).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });
});

it('shows where an error comes from when asked to', async () => {
  const environment = { GATEFOLD_DEBUG: '1' };
  const { stderr } = await runCli(['sample', 'none.safetensors'], { environment });
  expect(stderr).toMatch(/\n\s+at /);
});

it('prints help and version', async () => {
  const help = await runCli(['train', '--help']);
  expect(help.code).toBe(0);
  for (const word of ['--cell', '--resume', 'Ctrl-C', 'Examples:']) {
    expect(help.stdout).toContain(word);
  }
  const version = await runCli(['--version']);
  expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});
