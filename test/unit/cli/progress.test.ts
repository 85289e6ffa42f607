import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ProgressDisplay } from '../../../src/cli/progress.ts';

function makeDisplay(isTTY: boolean) {
  const output = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  const written: string[] = [];
  output.on('data', (chunk: Buffer) => written.push(chunk.toString()));
  let ms = 0;
  const display = new ProgressDisplay({
    output,
    firstStep: 0,
    totalSteps: 100,
    tokensPerStep: 50,
    now: () => ms,
  });
  const update = (step: number, atMs: number) => {
    ms = atMs;
    display.update({ step, loss: 4 / step });
  };
  return { display, update, text: () => written.join('') };
}

describe('where there is no terminal', () => {
  it('writes a plain line at most every two seconds, and the last step', () => {
    const { display, update, text } = makeDisplay(false);
    for (let step = 1; step <= 10; step += 1) update(step, step * 500);
    display.finish();
    expect(text()).toBe(
      [
        'step 4 · loss 1.000 · 100 tok/s',
        'step 8 · loss 0.500 · 100 tok/s',
        'step 10 · loss 0.400 · 100 tok/s',
        '',
      ].join('\n'),
    );
  });

  it('does not repeat the last step', () => {
    const { display, update, text } = makeDisplay(false);
    update(4, 2000);
    display.finish();
    display.finish();
    expect(text().match(/step 4/g)).toHaveLength(1);
  });

  it('counts the speed of a resumed run from where it goes on', () => {
    const output = Object.assign(new PassThrough(), { isTTY: false });
    let ms = 0;
    const options = { output, firstStep: 90, totalSteps: 100, tokensPerStep: 50, now: () => ms };
    const display = new ProgressDisplay(options);
    ms = 2000;
    display.update({ step: 94, loss: 1 });
    expect(String(output.read())).toBe('step 94 · loss 1.000 · 100 tok/s\n');
  });
});

describe('on a terminal', () => {
  it('shows a bar and takes it away for messages', () => {
    const { display, update, text } = makeDisplay(true);
    update(10, 1000);
    display.print('a message');
    update(20, 2000);
    display.finish();
    expect(text()).toContain('step 10/100');
    expect(text()).toContain('loss 0.400 · 500 tok/s');
    expect(text()).toContain('a message\n');
    expect(text()).toContain('step 20/100');
    expect(text()).toMatch(/step 20 · loss 0\.200 · 500 tok\/s\n$/);
  });
});
