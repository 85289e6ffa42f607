import { describe, expect, it } from 'vitest';
import { help, parseOptions } from '../../../bench/options.ts';
import { peerNames } from '../../../bench/peer.ts';
import { workloads } from '../../../bench/workloads.ts';

describe('the options of the bench', () => {
  it('are everything in Chromium by default', () => {
    expect(parseOptions([])).toEqual({
      device: 'chromium',
      workloads: workloads.map(({ name }) => name),
      peers: undefined,
      repetitions: 7,
      budgetSeconds: 10,
      isWhole: true,
      json: undefined,
      action: 'run',
    });
  });

  it('take workloads and peers in the order in which they are run', () => {
    const given = ['--workloads', 'char-s,hello', '--peers', 'jax-webgpu,gatefold', '--reps', '3'];
    expect(parseOptions([...given, '--json', 'a.json', '--budget', '0.5'])).toMatchObject({
      workloads: ['hello', 'char-s'],
      peers: ['gatefold', 'jax-webgpu'],
      repetitions: 3,
      budgetSeconds: 0.5,
      isWhole: false,
      json: 'a.json',
    });
    expect(parseOptions(['--serve']).action).toBe('serve');
  });

  it.each([
    [['--workloads', 'hallo'], "--workloads has 'hallo', expected some of hello, char-s,"],
    [['--peers', 'tfjs'], "--peers has 'tfjs', expected some of gatefold, gatefold-tuned,"],
    [['--reps', '0'], "--reps is '0', expected a number above 0."],
    [['--budget', 'x'], "--budget is 'x', expected a number above 0."],
    [['--device', 'bun'], "--device is 'bun', expected chromium, node or deno."],
    [
      ['--workload', 'hello'],
      "Unknown option '--workload'. Expected some of --workloads, --peers,",
    ],
    [['hello'], "Unexpected argument 'hello'. Expected some of --workloads, --peers,"],
  ])('are refused with what is expected: %j', (given, message) => {
    expect(() => parseOptions(given)).toThrow(message);
  });

  it('are named in the help', () => {
    for (const name of [...peerNames, ...workloads.map((workload) => workload.name)]) {
      expect(help).toContain(name);
    }
  });
});
