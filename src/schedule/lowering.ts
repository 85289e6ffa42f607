import { OptionError } from '../errors.ts';
import { halfBytes } from '../float16.ts';
import type {
  GatheredRows,
  Lowering,
  PackedLayout,
  PlanLimits,
  Precision,
  Storage,
  Strategy,
  View,
} from '../graph/operator.ts';
import { inputSource, parameterOf, sourceName, stateSource } from '../graph/sources.ts';
import type { GraphNode, SymbolicTensor } from '../graph/tensor.ts';
import type { SettledShape, Tunable } from '../graph/tunable.ts';
import type { TypedLaunch } from '../kernels/launch.ts';
import { launchWidening } from '../ops/widen.ts';
import type { ParameterLayout } from './parameter-layout.ts';
import type { Decision } from './plan.ts';
import { type ScheduleOptions, sharedKeys } from './program.ts';
import { WeightPacker } from './weight-packer.ts';

const ALIGNMENT_BYTES = 256;

/** Room for so many bytes: what follows begins where a binding may. */
export function alignBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}

/** Collects launches, storages and decisions while a program's nodes are lowered one after another. */
export class PlanBuilder implements Lowering {
  readonly limits: PlanLimits;
  readonly precision: Precision;
  readonly launches: TypedLaunch<View>[] = [];
  readonly decisions: Decision[] = [];
  readonly packer: WeightPacker;
  /** Views of tensors defined so far. */
  readonly views = new Map<SymbolicTensor, View>();
  /** Copies in float32 of tensors that are stored as f16. */
  readonly #widened = new Map<SymbolicTensor, View>();
  readonly #deferred = new Map<SymbolicTensor, { rows: GatheredRows; build: () => void }>();
  readonly #placements = new Map<SymbolicTensor, View>();
  readonly #constants = new Map<string, View>();
  readonly #shared = new Map<string, { storage: Storage; bytes: number }>();
  readonly #uniformBlocks: { label: string; offsetBytes: number; content: Uint8Array }[] = [];
  readonly #uniformStorage: { label: string; bytes: number; content?: Uint8Array };
  #uniformBytes = 0;

  constructor(
    readonly name: string,
    readonly parameters: ParameterLayout,
    readonly options: ScheduleOptions,
    private readonly used: ReadonlySet<SymbolicTensor>,
    /** Tensors that every reader takes as f16. */
    private readonly halves: ReadonlySet<SymbolicTensor>,
  ) {
    this.limits = options.limits;
    this.precision = readPrecision(name, options);
    if (this.precision === 'f16') this.decide(name, 'f16 storage, f32 arithmetic', 'asked for');
    this.#uniformStorage = { label: `${name}/uniforms`, bytes: 0 };
    this.packer = new WeightPacker(this);
  }

  place(tensor: SymbolicTensor, view: View): void {
    this.#placements.set(tensor, view);
  }

  placement(tensor: SymbolicTensor): View | undefined {
    return this.#placements.get(tensor);
  }

  view(tensor: SymbolicTensor): View {
    const source = this.stored(tensor);
    if (!source.isHalf) return source;
    const known = this.#widened.get(tensor);
    if (known) return known;
    const label = `${tensor.label}.widen`;
    const target = this.scratch(label, 4 * tensor.size);
    this.#widened.set(tensor, target);
    launchWidening(this, { label, count: tensor.size, source, target });
    return target;
  }

  /** A tensor's place for reading it back, without another launch. */
  readable(tensor: SymbolicTensor): View {
    return this.#widened.get(tensor) ?? this.stored(tensor);
  }

  stored(tensor: SymbolicTensor): View {
    const known = this.views.get(tensor);
    if (known) return known;
    const deferred = this.#deferred.get(tensor);
    if (deferred) {
      this.#deferred.delete(tensor);
      deferred.build();
      return this.stored(tensor);
    }
    const parameter = parameterOf(tensor.node);
    const stateName = sourceName(tensor.node, stateSource);
    const view = parameter
      ? this.parameterView(parameter.name, sharedKeys.parameters)
      : stateName !== undefined
        ? this.shared(
            `${this.options.statePrefix ?? ''}${sharedKeys.state(stateName)}`,
            alignBytes(4 * tensor.size),
          )
        : undefined;
    if (!view) {
      if (sourceName(tensor.node, inputSource) !== undefined) return this.output(tensor);
      throw new TypeError(`${this.name}: '${tensor.label}' is read before it is computed`);
    }
    this.views.set(tensor, view);
    return view;
  }

  /** A parameter's slice of a flat buffer. */
  parameterView(name: string, key: string): View {
    const slot = this.parameters.slots.get(name);
    if (!slot) {
      throw new OptionError(`${this.name}: parameter '${name}' is not in the parameter layout.`);
    }
    const flat = this.shared(key, 4 * this.parameters.totalFloats);
    return {
      storage: flat.storage,
      offsetBytes: 4 * slot.offsetFloats,
      bytes: 4 * slot.size,
    };
  }

  output(tensor: SymbolicTensor): View {
    const known = this.views.get(tensor);
    if (known) return known;
    const view = this.#placements.get(tensor) ?? this.scratch(tensor.label, 4 * tensor.size);
    this.views.set(tensor, view);
    return view;
  }

  storedOutput(tensor: SymbolicTensor): View {
    const fits = this.halves.has(tensor) && !this.#placements.has(tensor);
    return fits ? this.halfOutput(tensor) : this.output(tensor);
  }

  halfOutput(tensor: SymbolicTensor, numbers = tensor.size): View {
    if (this.precision === 'f32') return this.output(tensor);
    const known = this.views.get(tensor);
    if (known) return known;
    const view = { ...this.scratch(tensor.label, halfBytes(numbers)), isHalf: true };
    this.views.set(tensor, view);
    return view;
  }

  define(tensor: SymbolicTensor, view: View): void {
    this.views.set(tensor, view);
  }

  defer(tensor: SymbolicTensor, rows: GatheredRows, build: () => void): void {
    this.#deferred.set(tensor, { rows, build });
  }

  deferred(tensor: SymbolicTensor): GatheredRows | undefined {
    return this.#deferred.get(tensor)?.rows;
  }

  isUsed(tensor: SymbolicTensor): boolean {
    return this.used.has(tensor);
  }

  scratch(label: string, bytes: number): View {
    return {
      storage: { label: `${this.name}/${label}`, bytes: alignBytes(bytes) },
      offsetBytes: 0,
      bytes,
    };
  }

  constant(label: string, content: Uint8Array): View {
    const key = keyOf(content);
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known) return known;
    const storage = { label: `${this.name}/${label}`, bytes: content.byteLength, content };
    const view = { storage, offsetBytes: 0, bytes: content.byteLength };
    if (key !== undefined) this.#constants.set(key, view);
    return view;
  }

  uniforms(label: string, content: Uint8Array): View {
    const offsetBytes = this.#uniformBytes;
    this.#uniformBlocks.push({ label, offsetBytes, content });
    this.#uniformBytes += alignBytes(content.byteLength);
    return { storage: this.#uniformStorage, offsetBytes, bytes: content.byteLength };
  }

  settings(label: string, content: Uint8Array): View {
    return { ...this.uniforms(label, content), isSetting: true };
  }

  /** The storage of all uniform blocks, complete once every launch has been emitted. */
  finishUniforms(): Storage | undefined {
    if (this.#uniformBytes === 0) return undefined;
    const content = new Uint8Array(this.#uniformBytes);
    for (const block of this.#uniformBlocks) content.set(block.content, block.offsetBytes);
    this.#uniformStorage.bytes = this.#uniformBytes;
    this.#uniformStorage.content = content;
    return this.#uniformStorage;
  }

  shared(key: string, bytes: number): View {
    const known = this.#shared.get(key);
    if (known && known.bytes !== bytes) {
      throw new TypeError(
        `shared buffer '${key}' is asked for with ${known.bytes} and ${bytes} bytes`,
      );
    }
    const entry = known ?? { storage: { label: key, bytes, key }, bytes };
    this.#shared.set(key, entry);
    return { storage: entry.storage, offsetBytes: 0, bytes };
  }

  packed(matrices: SymbolicTensor | readonly SymbolicTensor[], layout: PackedLayout): View {
    return this.packer.packed('shape' in matrices ? [matrices] : matrices, layout);
  }

  requestedStrategy(node: GraphNode): Strategy | undefined {
    const { strategy } = this.options;
    if (strategy === 'resident') return undefined;
    return typeof strategy === 'string' ? strategy : strategy?.get(node.label);
  }

  settled<S extends object>(tunable: Tunable<S>): SettledShape<S> | undefined {
    // A measured shape is one of a launch by itself.
    return this.limits.residentLanes === undefined ? this.options.tuning?.(tunable) : undefined;
  }

  launch(launch: TypedLaunch<View>): void {
    this.launches.push(launch);
  }

  decide(node: string, choice: string, reason: string): void {
    this.decisions.push({ node, choice, reason });
  }
}

/** @throws {OptionError} for f16 on a device that has none. */
function readPrecision(name: string, { precision = 'f32', limits }: ScheduleOptions): Precision {
  if (precision === 'f32' || limits.hasF16) return precision;
  throw new OptionError(
    `${name}: precision is 'f16' and this device has no half precision, expected one with the feature ` +
      "'shader-f16'. Use precision: 'f32', or request a device on another adapter.",
  );
}

/** What equal contents have in common; `undefined` for long ones, which are not worth comparing. */
function keyOf(content: Uint8Array): string | undefined {
  if (content.every((byte) => byte === 0)) return `zeros ${content.byteLength}`;
  return content.byteLength <= 4096 ? content.join() : undefined;
}
