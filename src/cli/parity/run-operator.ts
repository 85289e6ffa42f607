import type { Device } from '../../device/device.ts';
import type { PlanStrategy } from '../../graph/operator.ts';
import type { SymbolicTensor } from '../../graph/tensor.ts';
import { listRecurrentParameters } from '../../interop/case-tensors.ts';
import type { OperatorCase } from '../../interop/case-types.ts';
import type { NamedTensor } from '../../interop/safetensors.ts';
import { model, type NamedTensors, type TracedModel } from '../../layers/model.ts';
import { add, multiply } from '../../ops/binary.ts';
import { differentiate } from '../../ops/differentiate.ts';
import { sum } from '../../ops/reduce.ts';
import { runGraph } from '../../training/run-graph.ts';
import { buildRecurrentLayer } from './build-layer.ts';
import { makeZeros, toNamedTensor, toTensorArray } from './results.ts';

/** The case's name of each state of a cell, as it starts (`_0`) and as it ends (`_n`). */
const states = ['h', 'c'] as const;

/** One pass forward and backward of a case's recurrent layers, on a device or on the reference. */
export async function runOperatorCase(
  device: Device | 'reference',
  parsed: OperatorCase,
  strategy?: PlanStrategy,
): Promise<Map<string, NamedTensor>> {
  const parameters = listRecurrentParameters(parsed);
  const inputs = [...parsed.inputs].filter(
    ([name]) => !parameters.some((parameter) => parameter.name === name),
  );
  const traced = traceCase(parsed, inputs);
  const wanted = collectResults(traced, parsed);
  const outputs = new Map(
    [...wanted].flatMap(([name, tensor]) => (tensor ? [[name, tensor]] : [])),
  );
  const results = await runGraph(device, {
    outputs,
    inputs: new Map(inputs.map(([name, tensor]) => [name, toTensorArray(tensor)])),
    parameters: new Map(
      parameters.map(({ name }) => [
        `rnn.${name}`,
        toTensorArray(parsed.inputs.get(name) as NamedTensor),
      ]),
    ),
    ...(strategy && { strategy }),
  });
  const shapes = new Map([
    ...[...parsed.inputs].map(([name, { shape }]) => [`grad.${name}`, shape] as const),
    ...[...outputs].map(([name, { shape }]) => [name, shape] as const),
  ]);
  const tensors = new Map<string, NamedTensor>();
  for (const name of wanted.keys()) {
    const shape = shapes.get(name) as readonly number[];
    const data = results.get(name);
    tensors.set(name, data ? toNamedTensor(data, shape) : makeZeros(shape));
  }
  return tensors;
}

function traceCase(
  parsed: OperatorCase,
  inputs: readonly (readonly [string, NamedTensor])[],
): TracedModel {
  const given = new Set(inputs.map(([name]) => name));
  const layer = buildRecurrentLayer(parsed);
  const operator = model((tensors) => {
    const initial = states.flatMap((state) =>
      given.has(`${state}_0`) ? [[state, tensors[`${state}_0`] as SymbolicTensor]] : [],
    );
    const { output, state } = layer.run(
      tensors.x as SymbolicTensor,
      Object.fromEntries(initial) as NamedTensors,
      parsed.sequenceLens ? { lengths: tensors.sequence_lens as SymbolicTensor } : {},
    );
    const final = Object.entries(state).map(([name, tensor]) => [`${name}_n`, tensor]);
    return { y: output, ...Object.fromEntries(final) };
  });
  return operator.trace(
    Object.fromEntries(
      inputs.map(([name, { shape, dtype }]) => {
        return [name, { shape, dtype: dtype === 'I32' ? 'i32' : 'f32' }];
      }),
    ),
  );
}

/** What the case checks, by name; undefined for a gradient that does not depend on the loss. */
function collectResults(
  traced: TracedModel,
  parsed: OperatorCase,
): Map<string, SymbolicTensor | undefined> {
  const targets = new Map<string, SymbolicTensor>();
  for (const name of ['x', ...states.map((state) => `${state}_0`)]) {
    if (parsed.inputs.has(name)) targets.set(name, traced.inputs[name] as SymbolicTensor);
  }
  for (const [name, { tensor }] of traced.parameters) targets.set(name.replace('rnn.', ''), tensor);
  const loss = sumLoss(traced);
  const gradients = loss ? differentiate(loss, [...targets.values()]) : [];
  const all = new Map<string, SymbolicTensor | undefined>(Object.entries(traced.outputs));
  for (const [index, name] of [...targets.keys()].entries()) {
    all.set(`grad.${name}`, gradients[index]);
  }
  return new Map([...all].filter(([name]) => parsed.checks.includes(name)));
}

/** Σ output·grad_output over the gradients that the case gives; undefined if it gives none. */
function sumLoss(traced: TracedModel): SymbolicTensor | undefined {
  let loss: SymbolicTensor | undefined;
  for (const [name, output] of Object.entries(traced.outputs)) {
    if (!Object.hasOwn(traced.inputs, `grad_${name}`)) continue;
    const weighted = multiply(output, traced.inputs[`grad_${name}`] as SymbolicTensor);
    const part = sum(weighted, `loss.${name}`);
    loss = loss ? add(loss, part, 'loss') : part;
  }
  return loss;
}
