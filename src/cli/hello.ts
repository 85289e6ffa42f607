import { linear, oneHot } from '../layers/basic.ts';
import { sequential } from '../layers/model.ts';
import { rnn } from '../layers/recurrent.ts';
import { batches } from '../training/data.ts';
import { optimizers } from '../training/optimizers.ts';
import { Trainer } from '../training/trainer.ts';
import { Vocabulary } from '../training/vocabulary.ts';
import type { OpenDevice } from './device-option.ts';
import { formatDuration, formatTable } from './format.ts';

const vocabulary = new Vocabulary('helo');
const input = 'hell';
const target = 'ello';
const hiddenSize = 8;
const steps = 100;

/**
 * Trains the smallest example there is: a vanilla RNN that reads 'hell' letter by letter and says what
 * comes next.
 *
 * @returns the account of it, with the prediction at every position.
 */
export async function trainHello({ device, description }: OpenDevice): Promise<string> {
  const start = performance.now();
  const shape = [1, input.length, 1];
  await using trainer = await Trainer.create({
    device,
    model: sequential([oneHot(vocabulary.size), rnn(hiddenSize), linear(vocabulary.size)]),
    data: batches(
      {
        input: { values: vocabulary.encode(input), shape, vocabularySize: vocabulary.size },
        target: { values: vocabulary.encode(target), shape, vocabularySize: vocabulary.size },
      },
      { vocabulary },
    ),
    optimizer: optimizers.adam({ learningRate: 0.05 }),
    seed: 1,
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.fit({ steps })) losses.push(loss);
  const { output } = await trainer.network.forward({
    input: { data: vocabulary.encode(input), shape: [input.length, 1] },
  });
  const rows = [...input].map((letter, position) => {
    const { size } = vocabulary;
    const logits = [...(output?.data ?? [])].slice(position * size, (position + 1) * size);
    const { best, probability } = predict(logits);
    const predicted = vocabulary.characters[best] as string;
    const mark = predicted === target[position] ? '✓' : `✗ expected ${target[position]}`;
    return [letter, '→', predicted, `p = ${probability.toFixed(3)}`, mark];
  });
  return [
    `hello: a vanilla RNN (tanh, ${hiddenSize} units) over the vocabulary ` +
      `[${vocabulary.characters.join(', ')}] reads '${input}' and learns '${target}'`,
    `on ${description}`,
    `loss ${losses[0]?.toFixed(3)} → ${losses.at(-1)?.toFixed(3)} in ${steps} steps, ` +
      `${formatDuration(performance.now() - start)} in all`,
    formatTable(rows),
  ].join('\n');
}

/** The likeliest class and its softmax probability. */
function predict(logits: readonly number[]): { best: number; probability: number } {
  const largest = Math.max(...logits);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return { best: logits.indexOf(largest), probability: 1 / total };
}
