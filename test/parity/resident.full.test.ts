import { expect, it } from 'vitest';
import { runOperatorCase } from '../../src/cli/parity/run-operator.ts';
import { useDevice } from '../support/device.ts';
import { checkFixture, listFixtures } from './run-fixtures.ts';

// A kernel for the whole plan takes seconds to build: cases of few units and not many layers, of every cell.
const few = listFixtures((name) => /^(?!train-).*-h[56]-/.test(name));
const device = useDevice();

it.each(few)('%s, in one workgroup', (name) =>
  checkFixture(name, async (parsed) => {
    if (parsed.kind !== 'operator') throw new Error(`${name} is no operator's case`);
    const tensors = await runOperatorCase(device(), parsed, 'resident');
    return { status: 'done', tensors };
  }),
);

it('are cases of every cell', () => {
  const cells = new Set(few.map((name) => name.replace(/-h[56]-.*/, '')));
  expect([...cells].sort()).toEqual([
    'gru-after',
    'gru-after-norm',
    'gru-before',
    'gru-before-norm',
    'lstm',
    'lstm-clip',
    'lstm-coupled',
    'lstm-norm',
    'lstm-peep',
    'rnn-relu',
    'rnn-tanh',
  ]);
});
