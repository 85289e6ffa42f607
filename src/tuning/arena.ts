import type { Device } from '../device/device.ts';
import type { Executable, ReadbackArray } from '../device/executable.ts';
import { DeviceError, DeviceLostError, ParityError } from '../errors.ts';
import type { PlanLimits, Values } from '../graph/operator.ts';
import { type Parameter, parameterOf } from '../graph/sources.ts';
import { sortNodes } from '../graph/tensor.ts';
import { describeAxes, type Tunable } from '../graph/tunable.ts';
import { evaluateGraph } from '../reference/interpreter.ts';
import { largestMagnitude, tolerance } from '../reference/tolerance.ts';
import { layOutParameters, type ParameterLayout } from '../schedule/parameter-layout.ts';
import { sharedKeys } from '../schedule/program.ts';
import { schedule } from '../schedule/schedule.ts';
import type { Contender } from './duel.ts';
import { makeProbe, type Probe, type ProbeGraph } from './probe.ts';
import { takeRow } from './probe-data.ts';
import type { Arena, Refusal } from './search.ts';

/** Work of one measurement: far above the resolution of clocks and the cost of a submit. */
const MEASURED_MS = 20;
const MOST_REPEATS = 256;

/**
 * Runs one kernel with any of its shapes. What the rule's shape computes is held against the float64 reference
 * for the last row of the batch, and what any other computes against the rule's, all of it. Buffers are filled
 * with NaN first.
 */
export class ProbeArena<S extends object> implements Arena<S> {
  readonly #probe: Probe;
  readonly #layout: ParameterLayout;
  readonly #parameters: GPUBuffer;
  #expected: ReadonlyMap<string, Float32Array> | undefined;

  constructor(
    private readonly device: Device,
    private readonly limits: PlanLimits,
    private readonly tunable: Tunable<S>,
  ) {
    this.#probe = makeProbe(tunable as unknown as Tunable);
    this.#layout = layOutParameters(findParameters(this.#probe));
    const content = new Float32Array(this.#layout.totalFloats);
    for (const [name, { offsetFloats }] of this.#layout.slots) {
      content.set(this.#probe.parameters.get(name) ?? [], offsetFloats);
    }
    this.#parameters = device.createBuffer({
      label: 'tune/parameters',
      bytes: content.byteLength,
      content: new Uint8Array(content.buffer),
    });
  }

  /** @throws {ParityError} if the rule's shape computes something else than the reference. */
  async prepare(shape: S): Promise<Contender | Refusal> {
    const begun = performance.now();
    let executable: Executable | undefined;
    try {
      executable = await this.#compile(shape);
      executable.run();
      await executable.finished();
      const buildMs = performance.now() - begun;
      const wrong = await this.#check(executable, shape);
      if (wrong) {
        executable.dispose();
        return { outcome: 'wrong', reason: wrong };
      }
      return await makeContender(executable, buildMs);
    } catch (error) {
      executable?.dispose();
      // A candidate may ask for more than there is; a device that is gone measures nothing any more.
      if (!(error instanceof DeviceError) || error instanceof DeviceLostError) throw error;
      if (!this.#expected) throw error;
      return { outcome: 'failed', reason: error.message };
    }
  }

  dispose(): void {
    this.device.destroyBuffer(this.#parameters);
  }

  async #compile(shape: S): Promise<Executable> {
    const { outputs, inputs, strategy } = this.#probe;
    let isAsked = false;
    const plan = schedule(
      { name: `tune ${this.tunable.key}`, parameters: this.#layout, outputs },
      {
        limits: this.limits,
        packsOnce: true,
        ...(strategy && { strategy }),
        tuning: ({ key }) => {
          if (key !== this.tunable.key) return undefined;
          isAsked = true;
          return { shape: shape as never, reason: 'a candidate' };
        },
      },
    );
    if (!isAsked) throw new TypeError(`the probe of '${this.tunable.key}' asks for another kernel`);
    const shared = new Map([[sharedKeys.parameters, this.#parameters]]);
    const executable = await this.device.compile(plan, shared, { poison: true });
    for (const [name, values] of inputs) executable.write(name, values);
    return executable;
  }

  /** What is wrong with an executable's results, if anything. */
  async #check(executable: Executable, shape: S): Promise<string | undefined> {
    const { steps, fanIn, outer, rows } = this.#probe;
    const got = new Map<string, Float32Array>();
    for (const name of this.#probe.outputs.keys()) {
      got.set(name, toFloats(await executable.read(name)));
    }
    const compare = (name: string, have: Float32Array, want: ArrayLike<number>, errors: number) => {
      const magnitude = largestMagnitude(want);
      return findDeviation(name, have, want, errors * tolerance({ steps, fanIn, magnitude }));
    };
    if (!this.#expected) {
      for (const [name, values] of evaluate(this.#probe.lastRow)) {
        const have = takeRow(got.get(name) as Float32Array, outer, rows, rows - 1);
        const wrong = compare(`the last row of ${name}`, have, values, 1);
        if (!wrong) continue;
        throw new ParityError(
          `tune: '${this.tunable.key}' with ${describeAxes(shape)} on ${this.device.describe()}: ` +
            `${wrong}. This adapter or driver computes wrong results; update the driver, or request ` +
            'another adapter.',
        );
      }
      this.#expected = got;
      return undefined;
    }
    for (const [name, values] of this.#expected) {
      // Both may be off by the tolerance.
      const wrong = compare(name, got.get(name) as Float32Array, values, 2);
      if (wrong) return wrong;
    }
    return undefined;
  }
}

/** A candidate that has passed the check, with as many runs per measurement as fill {@link MEASURED_MS}. */
async function makeContender(executable: Executable, buildMs: number): Promise<Contender> {
  const once = await executable.timeRun({ repeats: 1 });
  const repeats = Math.max(1, Math.min(MOST_REPEATS, Math.ceil(MEASURED_MS / once)));
  return {
    buildMs,
    measure: () => executable.timeRun({ repeats }),
    dispose: () => executable.dispose(),
  };
}

function findParameters({ outputs }: ProbeGraph): Parameter[] {
  return sortNodes(outputs.values()).flatMap((node) => parameterOf(node) ?? []);
}

function evaluate({ outputs, inputs, parameters }: ProbeGraph): [string, ArrayLike<number>][] {
  const widen = (given: ReadonlyMap<string, Float32Array>) =>
    new Map<string, Values>([...given].map(([name, data]) => [name, Float64Array.from(data)]));
  const values = evaluateGraph(outputs.values(), {
    inputs: widen(inputs),
    parameters: widen(parameters) as Map<string, Float64Array>,
  });
  return [...outputs].map(([name, tensor]) => [name, values.get(tensor) as Values]);
}

function toFloats(values: ReadbackArray): Float32Array {
  if (values instanceof Float32Array) return values;
  throw new TypeError('probes have outputs of floats only');
}

/** The first value that is further from the expected one than the bound, in words. */
function findDeviation(
  name: string,
  have: ArrayLike<number>,
  want: ArrayLike<number>,
  bound: number,
): string | undefined {
  for (let at = 0; at < want.length; at++) {
    const [got, expected] = [have[at] as number, want[at] as number];
    if (Math.abs(got - expected) <= bound) continue;
    return `${name} at ${at} is ${got}, expected ${expected} ± ${bound.toExponential(1)}`;
  }
  return undefined;
}
