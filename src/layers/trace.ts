import { OptionError } from '../errors.ts';
import { fill, type Initializer, type Parameter, parameter, state } from '../graph/sources.ts';
import type { SymbolicTensor } from '../graph/tensor.ts';

/** Whether layers run as in training (dropout draws masks) or as in use (dropout passes through). */
export type TraceMode = 'training' | 'inference';

/** A state that survives from step to step: what a layer starts from, and what it ends with. */
export interface CarriedState {
  readonly initial: SymbolicTensor;
  final: SymbolicTensor | undefined;
}

/** Remembers the names that a model has given to its layers, in the order of their first use. */
export class LayerNames {
  readonly #names = new Map<object, string>();
  readonly #taken = new Set<string>();

  /** @throws {OptionError} if two layers ask for one name. */
  nameOf(layer: object, kind: string, wanted: string | undefined): string {
    const known = this.#names.get(layer);
    if (known !== undefined) return known;
    let name = wanted ?? kind;
    if (wanted?.includes('/')) {
      throw new OptionError(`layer name '${wanted}' has a slash, expected a name without one.`);
    }
    if (wanted !== undefined && this.#taken.has(wanted)) {
      throw new OptionError(`layer name '${wanted}' is used twice, expected a name of its own.`);
    }
    for (let number = 1; this.#taken.has(name); number++) name = `${kind}_${number}`;
    this.#names.set(layer, name);
    this.#taken.add(name);
    return name;
  }
}

/** What layers need to know while a model is traced: names, mode, and where states come from. */
export class Trace {
  readonly parameters = new Map<string, { parameter: Parameter; tensor: SymbolicTensor }>();
  readonly states = new Map<string, CarriedState>();

  constructor(
    readonly names: LayerNames,
    readonly mode: TraceMode,
    /** Whether recurrent layers start from the state they ended with, and not from zero. */
    readonly carriesState: boolean,
  ) {}

  /** A parameter's tensor: the same one every time a layer is applied. */
  parameter(name: string, shape: readonly number[], initialize: Initializer): SymbolicTensor {
    const known = this.parameters.get(name);
    if (known) {
      if (known.parameter.shape.join() !== shape.join()) {
        throw new OptionError(
          `parameter '${name}' is [${known.parameter.shape.join(', ')}] from an earlier use and ` +
            `[${shape.join(', ')}] now. A shared layer needs inputs of one size; make a second layer.`,
        );
      }
      return known.tensor;
    }
    const definition = { name, shape, initialize };
    const tensor = parameter(definition);
    this.parameters.set(name, { parameter: definition, tensor });
    return tensor;
  }

  /** Where a recurrence starts when the caller gives no state. */
  initialState(name: string, shape: readonly number[]): SymbolicTensor {
    if (!this.carriesState || this.states.has(name)) return fill(shape, 0, `${name}.zero`);
    const initial = state(name, shape);
    this.states.set(name, { initial, final: undefined });
    return initial;
  }

  /** Reports where a recurrence ended, so that a carried state can be kept. */
  finalState(name: string, initial: SymbolicTensor, final: SymbolicTensor): void {
    const carried = this.states.get(name);
    if (carried?.initial === initial) carried.final = final;
  }

  /** Reports a later end of the same sequence, where a cell is applied step after step. */
  extendState(name: string, final: SymbolicTensor): void {
    const carried = this.states.get(name);
    if (carried) carried.final = final;
  }
}

let active: Trace | undefined;

/** The trace that layers are called in. @throws {OptionError} outside of a model. */
export function currentTrace(layer: string): Trace {
  if (!active) {
    throw new OptionError(
      `${layer} was called outside of a model. Call layers inside model(({ … }) => …) or list them in ` +
        'sequential([…]).',
    );
  }
  return active;
}

/** Runs `build` with layers tracing into `trace`. Synchronous, so traces never interleave. */
export function withTrace<T>(trace: Trace, build: () => T): T {
  const outer = active;
  active = trace;
  try {
    return build();
  } finally {
    active = outer;
  }
}
