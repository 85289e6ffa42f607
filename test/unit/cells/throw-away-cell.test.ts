import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CellName } from '../../../src/cells/registry.ts';
import type { SymbolicTensor } from '../../../src/graph/tensor.ts';
import { linear, oneHot } from '../../../src/layers/basic.ts';
import { sequential } from '../../../src/layers/model.ts';
import { recurrent } from '../../../src/layers/recurrent.ts';
import { softmaxCrossEntropy } from '../../../src/ops/softmax-cross-entropy.ts';
import { layOutParameters } from '../../../src/schedule/parameter-layout.ts';
import { schedule } from '../../../src/schedule/schedule.ts';
import { registerLeakyCell } from '../../device-cases/core-leaky-cell.ts';
import { variantsOf } from '../../device-cases/core-variants.ts';
import { parameterGradientError } from '../core-ops/parameter-check.ts';
import { narrowLimits } from '../schedule/limits.ts';

// The same cell runs on devices in test/device-cases/core-stacks.cases.ts.
describe('a cell that is registered by a test', () => {
  let leaky: ReturnType<typeof registerLeakyCell>;
  beforeAll(() => {
    leaky = registerLeakyCell();
  });
  afterAll(() => leaky.unregister());

  const type = { shape: [3, 2], dtype: 'i32' } as const;
  const buildNetwork = () =>
    sequential([
      oneHot(4),
      recurrent(leaky.name, 2, { layers: 2, direction: 'bidirectional', leak: 'fast' }),
      linear(4),
    ]);

  it('becomes a layer with parameters of its gate table and checked options', () => {
    const { parameters, outputs } = buildNetwork().trace({ input: type });
    expect(outputs.output?.shape).toEqual([3, 2, 4]);
    expect(parameters.get('leaky.weight_ih_l1_reverse')?.parameter.shape).toEqual([2, 4]);
    expect(() => recurrent(leaky.name, 2, { leak: 'never' })).toThrow(
      "leaky: option leak is \"never\", expected one of 'slow', 'fast'.",
    );
    expect(() => recurrent(leaky.name, 2, { drip: 1 })).toThrow("leaky: unknown option 'drip'");
  });

  it('has the right gradients in a whole model on the reference', () => {
    const { outputs, inputs } = buildNetwork().trace({ input: type, target: type });
    const loss = softmaxCrossEntropy(
      outputs.output as SymbolicTensor,
      inputs.target as SymbolicTensor,
    );
    const values = new Map([
      ['input', Int32Array.of(0, 3, 1, 1, 2, 0)],
      ['target', Int32Array.of(3, 1, 1, 2, 0, 0)],
    ]);
    expect(parameterGradientError(loss, { inputs: values })).toBeLessThan(1e-7);
  });

  it('is scheduled with its own WGSL and constants, with both strategies', () => {
    for (const { options, cell } of variantsOf(leaky.definition)) {
      const network = sequential([oneHot(4), recurrent(leaky.name, 5, { ...options })]);
      const { outputs, parameters } = network.trace({ input: type });
      for (const strategy of ['persistent', 'stepwise'] as const) {
        const plan = schedule(
          {
            name: 'leaky',
            parameters: layOutParameters([...parameters.values()].map((entry) => entry.parameter)),
            outputs: new Map(Object.entries(outputs)),
          },
          { limits: narrowLimits, strategy },
        );
        const launches = plan.launches.filter((launch) => launch.cell === 'leaky');
        expect(launches).toHaveLength(strategy === 'persistent' ? 1 : 1 + 3);
        expect(launches[0]?.constants).toMatchObject(cell.constants);
      }
    }
  });

  it('can be built again from a model as plain data', async () => {
    // The table of layers is made from the registry when this module loads.
    const { buildModel } = await import('../../../src/layers/build.ts');
    const { config } = buildNetwork();
    expect(buildModel(config ?? []).config).toEqual(config);
  });

  it('is unknown again when it is taken back', () => {
    leaky.unregister();
    expect(() => recurrent('leaky' as CellName, 2)).toThrow();
    leaky = registerLeakyCell();
  });
});
