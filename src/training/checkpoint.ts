import { FileFormatError } from '../errors.ts';
import type { TensorType } from '../graph/tensor.ts';
import { type NamedTensor, readSafetensors, writeSafetensors } from '../interop/safetensors.ts';
import type { LayerConfig } from '../layers/layer.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import type { EngineState, NamedArrays } from './engine.ts';
import { isLossScale, type LossScaleState } from './loss-scale.ts';
import type { PlateauState } from './plateau.ts';
import { Vocabulary } from './vocabulary.ts';

/** What a checkpoint says beside its tensors. */
export interface CheckpointHeader {
  /** Layers of a sequential model; absent for a model written as a function. */
  readonly config?: readonly LayerConfig[];
  readonly vocabulary?: Vocabulary;
  /** The model's inputs in training, by name. */
  readonly inputs: Readonly<Record<string, TensorType>>;
  readonly step: number;
  readonly seed: number;
  readonly learningRateScale: number;
  /** Steps among those finished that changed nothing; 0 if absent. */
  readonly skippedSteps?: number;
  /** Where the loss scaling of f16 training stands; absent for f32. */
  readonly lossScale?: LossScaleState;
  readonly optimizer: {
    readonly name: string;
    readonly options: Readonly<Record<string, unknown>>;
  };
  readonly schedule: object;
  readonly plateau?: PlateauState;
  /** Losses since the plateau's last observation. */
  readonly plateauLosses?: readonly number[];
  /** Strategy and variant of every recurrence, as `explain()` names them. */
  readonly choices: readonly string[];
  /** Whatever the caller wants to find again, e.g. the command line's flags. */
  readonly run?: Readonly<Record<string, unknown>>;
}

/** A checkpoint that has been read. */
export interface Checkpoint extends CheckpointHeader {
  /** Weights, moments and carried states. */
  readState(): EngineState;
}

const FORMAT_VERSION = 1;
const METADATA_KEY = 'gatefold';
/** Layer names hold no slash, so these never meet a parameter's name. */
const MOMENT_PREFIX = 'optimizer/';
const STATE_PREFIX = 'state/';

/** Bytes of a checkpoint: safetensors, the weights by PyTorch's names and layout. */
export function writeCheckpoint(
  header: CheckpointHeader,
  state: EngineState,
  layout: ParameterLayout,
): Uint8Array<ArrayBuffer> {
  const tensors: [string, NamedTensor][] = [];
  const add = (prefix: string, values: NamedArrays, flat = false): void => {
    for (const [name, data] of values) {
      const shape = flat ? undefined : layout.slots.get(name)?.parameter.shape;
      const dtype = data instanceof Float64Array ? 'F64' : 'F32';
      const copy = data.slice() as Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
      tensors.push([`${prefix}${name}`, { dtype, shape: shape ?? [data.length], data: copy }]);
    }
  };
  add('', state.parameters);
  for (const [moment, values] of state.moments) add(`${MOMENT_PREFIX}${moment}/`, values);
  add(STATE_PREFIX, state.states, true);
  const metadata = JSON.stringify({ version: FORMAT_VERSION, ...header });
  return writeSafetensors(tensors, { format: 'pt', [METADATA_KEY]: metadata });
}

/**
 * Reads a checkpoint and checks its metadata; tensors are checked against a model where they are used.
 *
 * @throws {FileFormatError} if the file is malformed, cut short, or not from Gatefold.
 */
export function readCheckpoint(bytes: Uint8Array, source = 'checkpoint'): Checkpoint {
  const file = readSafetensors(bytes, { source });
  const text = file.metadata[METADATA_KEY];
  if (text === undefined) {
    throw new FileFormatError(
      `${source}: the metadata has no '${METADATA_KEY}', expected a checkpoint that Gatefold has saved. ` +
        'Weights alone can be read with readSafetensors.',
    );
  }
  const header = parseHeader(text, source);
  return {
    ...header,
    readState: () => splitTensors(file.tensors, header, source),
  };
}

function parseHeader(text: string, source: string): CheckpointHeader {
  const malformed = (what: string): FileFormatError =>
    new FileFormatError(`${source}: metadata '${METADATA_KEY}' ${what}. The file is damaged.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(`is no JSON: ${(cause as Error).message}`);
  }
  if (typeof value !== 'object' || value === null) throw malformed('is no object');
  const fields = value as Record<string, unknown>;
  if (fields.version !== FORMAT_VERSION) {
    throw new FileFormatError(
      `${source}: checkpoint version is ${String(fields.version)}, expected ${FORMAT_VERSION}. ` +
        'Read it with the version of Gatefold that wrote it.',
    );
  }
  for (const name of ['step', 'seed', 'learningRateScale']) {
    if (typeof fields[name] !== 'number') throw malformed(`has no number '${name}'`);
  }
  const { skippedSteps, lossScale } = fields;
  if (skippedSteps !== undefined && !isCount(skippedSteps)) {
    throw malformed("has no count 'skippedSteps'");
  }
  if (lossScale !== undefined && !isLossScaleState(lossScale)) {
    throw malformed("has no loss scale in 'lossScale'");
  }
  for (const name of ['optimizer', 'schedule', 'inputs']) {
    const field = fields[name];
    if (typeof field !== 'object' || field === null) throw malformed(`has no object '${name}'`);
  }
  if (!Object.values(fields.inputs as object).every(isTensorType)) {
    throw malformed(`has 'inputs' that are no types of tensors`);
  }
  for (const [name, isItem] of Object.entries(lists)) {
    const list = fields[name];
    if (list === undefined && name !== 'choices') continue;
    if (!Array.isArray(list) || !list.every(isItem)) throw malformed(`has no list '${name}'`);
  }
  const { vocabulary, version: _, ...rest } = fields;
  return {
    ...(rest as unknown as CheckpointHeader),
    ...(vocabulary !== undefined && { vocabulary: Vocabulary.fromJSON(vocabulary) }),
  };
}

/** What the lists of a header hold. */
const lists: Readonly<Record<string, (item: unknown) => boolean>> = {
  config: (layer) => typeof (layer as LayerConfig | null)?.kind === 'string',
  choices: (choice) => typeof choice === 'string',
  plateauLosses: (loss) => typeof loss === 'number',
};

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isLossScaleState(value: unknown): boolean {
  const { factor, goodSteps } = (value ?? {}) as Partial<Record<keyof LossScaleState, unknown>>;
  return isLossScale(factor) && isCount(goodSteps);
}

function isTensorType(value: unknown): boolean {
  const { shape, dtype } = (value ?? {}) as Partial<Record<keyof TensorType, unknown>>;
  const isShape = Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n > 0);
  return isShape && (dtype === 'f32' || dtype === 'i32');
}

function splitTensors(
  tensors: ReadonlyMap<string, NamedTensor>,
  header: CheckpointHeader,
  source: string,
): EngineState {
  const parameters: NamedArrays = new Map();
  const states: NamedArrays = new Map();
  const moments = new Map<string, NamedArrays>();
  for (const [name, { data }] of tensors) {
    if (!(data instanceof Float32Array || data instanceof Float64Array)) {
      throw new FileFormatError(
        `${source}: tensor '${name}' is ${data.constructor.name}, expected F32 or F64.`,
      );
    }
    if (name.startsWith(STATE_PREFIX)) {
      states.set(name.slice(STATE_PREFIX.length), data);
    } else if (name.startsWith(MOMENT_PREFIX)) {
      const rest = name.slice(MOMENT_PREFIX.length);
      const moment = rest.slice(0, rest.indexOf('/'));
      const values = moments.get(moment) ?? new Map();
      values.set(rest.slice(moment.length + 1), data);
      moments.set(moment, values);
    } else {
      parameters.set(name, data);
    }
  }
  const { step, learningRateScale, skippedSteps, lossScale } = header;
  return {
    ...{ parameters, moments, states, step, learningRateScale },
    ...(skippedSteps !== undefined && { skippedSteps }),
    ...(lossScale && { lossScale }),
  };
}
