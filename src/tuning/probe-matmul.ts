import type { Operator } from '../graph/operator.ts';
import { input } from '../graph/sources.ts';
import { applyUnary, type SymbolicTensor } from '../graph/tensor.ts';
import { launchMatmul } from '../ops/matmul-launch.ts';
import type { MatmulSubject } from '../ops/matmul-tunable.ts';
import type { Probe, ProbeGraph } from './probe.ts';
import { drawUniform } from './probe-data.ts';

/** A product on its own. Inputs: A, B, and a bias where the sum must not be split. */
const product: Operator<MatmulSubject> = {
  name: 'product',
  infer: (_inputs, { m, n }) => [{ shape: [m, n], dtype: 'f32' }],
  evaluate([a, b, bias], { m, n, k, transposesA, transposesB }) {
    const result = new Float64Array(m * n);
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = bias ? (bias[column] as number) : 0;
        for (let term = 0; term < k; term++) {
          const left = a?.[transposesA ? term * m + row : row * k + term] as number;
          const right = b?.[transposesB ? column * k + term : term * n + column] as number;
          sum += left * right;
        }
        result[row * n + column] = sum;
      }
    }
    return [result];
  },
  lower(node, lowering) {
    const { m, n, k, transposesA, transposesB } = node.attributes;
    const [a, b, bias] = node.inputs as [SymbolicTensor, SymbolicTensor, SymbolicTensor?];
    launchMatmul(lowering, {
      label: node.label,
      m,
      n,
      k,
      a: { view: lowering.view(a), stride: transposesA ? m : k },
      transposesA,
      b: { view: lowering.view(b), stride: transposesB ? k : n },
      transposesB,
      c: { view: lowering.output(node.outputs[0] as SymbolicTensor), stride: n },
      ...(bias && { bias: lowering.view(bias) }),
    });
  },
};

/** A product of random matrices. */
export function probeMatmul(subject: MatmulSubject): Probe {
  const { m, n, k, transposesA, canSplit } = subject;
  const a = drawUniform('a', m * k, -1, 1);
  const b = drawUniform('b', k * n, -1, 1);
  const bias = canSplit ? undefined : drawUniform('bias', n, -1, 1);
  const last = transposesA
    ? Float32Array.from({ length: k }, (_none, term) => a[term * m + m - 1] as number)
    : a.slice((m - 1) * k);
  return {
    ...buildProduct(subject, a, b, bias),
    outer: 1,
    rows: m,
    steps: 1,
    fanIn: k,
    lastRow: buildProduct({ ...subject, m: 1 }, last, b, bias),
  };
}

function buildProduct(
  subject: MatmulSubject,
  a: Float32Array,
  b: Float32Array,
  bias: Float32Array | undefined,
): ProbeGraph {
  const { m, n, k, transposesA, transposesB } = subject;
  const inputs = [
    input('a', transposesA ? [k, m] : [m, k]),
    input('b', transposesB ? [n, k] : [k, n]),
    ...(bias ? [input('bias', [n])] : []),
  ];
  return {
    outputs: new Map([['product', applyUnary(product, inputs, subject, 'product')]]),
    inputs: new Map([['a', a], ['b', b], ...(bias ? ([['bias', bias]] as const) : [])]),
    parameters: new Map(),
  };
}
