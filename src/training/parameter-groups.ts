import { OptionError } from '../errors.ts';
import type { Lowering, View } from '../graph/operator.ts';
import type { ParameterLayout } from '../schedule/parameter-layout.ts';
import { atLeastZero, checkNumber, show } from './options.ts';

/** Parameters that an optimizer treats otherwise than the rest, as PyTorch's `param_groups`. */
export interface ParameterGroup {
  /**
   * Which parameters: those whose name contains the text, or one of the texts, or matches the expression. A text
   * between slashes is an expression, `/bias_[ih]h/`: that is how checkpoints keep them.
   */
  readonly match: string | RegExp | readonly (string | RegExp)[];
  /** Default: the optimizer's. */
  readonly weightDecay?: number | undefined;
  /** Factor of the learning rate, default 1; 0 holds the parameters as they are. */
  readonly learningRateScale?: number | undefined;
}

/** How much a parameter decays, and what multiplies its learning rate. */
export interface GroupSettings {
  readonly weightDecay: number;
  readonly learningRateScale: number;
}

interface Group extends GroupSettings {
  readonly patterns: readonly RegExp[];
}

/** Floats that one entry of the kernels' table stands for: parameters begin at multiples of it. */
const FLOATS_PER_ENTRY = 64;

/** An optimizer's parameter groups; a parameter belongs to the first that it matches. */
export class ParameterGroups {
  /** As plain data, with expressions as text; undefined where there are none. */
  readonly plain: readonly object[] | undefined;
  readonly #where: string;
  readonly #groups: readonly Group[];
  readonly #others: GroupSettings;

  /** @throws {OptionError} for groups that are malformed or out of range. */
  constructor(where: string, given: readonly ParameterGroup[] | undefined, weightDecay: number) {
    this.#where = where;
    this.#others = { weightDecay, learningRateScale: 1 };
    if (given !== undefined && !Array.isArray(given)) {
      throw new OptionError(
        `${where}: parameterGroups is ${show(given)}, expected a list of { match, weightDecay, ` +
          'learningRateScale }.',
      );
    }
    this.#groups = (given ?? []).map((group, index) => this.#read(group, index));
    this.plain = given?.length ? given.map(toPlain) : undefined;
  }

  /** Whether all parameters are treated alike. */
  get isEmpty(): boolean {
    return this.#groups.length === 0;
  }

  /** Settings of a parameter by its name. */
  settingsOf(parameter: string): GroupSettings {
    return (
      this.#groups.find(({ patterns }) => patterns.some((each) => each.test(parameter))) ??
      this.#others
    );
  }

  /** @throws {OptionError} for a group that no parameter belongs to. */
  check(parameters: readonly string[]): void {
    const used = new Set(parameters.map((name) => this.settingsOf(name)));
    for (const [index, group] of this.#groups.entries()) {
      if (used.has(group)) continue;
      throw new OptionError(
        `${this.#where}: parameterGroups[${index}] matches no parameter that is not in a group before it, ` +
          `expected at least one of ${parameters.join(', ')}. Correct its match, or remove it.`,
      );
    }
  }

  /** What the kernels read: pairs (weight decay, factor of the rate) for every 64 floats of the flat buffers. */
  table(lowering: Lowering, layout: ParameterLayout, label: string): View {
    const pairs = new Float32Array(2 * Math.ceil(layout.totalFloats / FLOATS_PER_ENTRY));
    for (const [name, { offsetFloats, size }] of layout.slots) {
      const { weightDecay, learningRateScale } = this.settingsOf(name);
      const first = offsetFloats / FLOATS_PER_ENTRY;
      for (let entry = first; entry < first + size / FLOATS_PER_ENTRY; entry++) {
        pairs.set([weightDecay, learningRateScale], 2 * entry);
      }
    }
    return lowering.constant(label, new Uint8Array(pairs.buffer));
  }

  #read(group: ParameterGroup, index: number): Group {
    const name = `parameterGroups[${index}]`;
    if (typeof group !== 'object' || group === null) {
      throw new OptionError(
        `${this.#where}: ${name} is ${show(group)}, expected { match, weightDecay, learningRateScale }.`,
      );
    }
    const { match, weightDecay, learningRateScale, ...others } = group;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) {
      throw new OptionError(
        `${this.#where}: ${name} has '${unknown}', expected match, weightDecay, learningRateScale. ` +
          'Correct or remove it.',
      );
    }
    const check = (option: string, value: number | undefined, otherwise: number) =>
      checkNumber(this.#where, `${name}.${option}`, value ?? otherwise, atLeastZero);
    const list: readonly unknown[] = Array.isArray(match) ? match : [match];
    return {
      patterns: list.map((each) => this.#pattern(name, each)),
      weightDecay: check('weightDecay', weightDecay, this.#others.weightDecay),
      learningRateScale: check('learningRateScale', learningRateScale, 1),
    };
  }

  #pattern(group: string, match: unknown): RegExp {
    const [, source, flags] =
      (typeof match === 'string' || match instanceof RegExp) && String(match)
        ? (/^\/(.+)\/([a-z]*)$/s.exec(String(match)) ?? [])
        : [];
    try {
      // Without the flags that make an expression remember where it stopped.
      if (source !== undefined) return new RegExp(source, flags?.replace(/[gy]/g, ''));
      if (typeof match === 'string' && match) return new RegExp(escapeText(match));
    } catch (cause) {
      throw new OptionError(
        `${this.#where}: ${group}.match is '${String(match)}', expected an expression: ` +
          `${(cause as Error).message}. Correct it.`,
        { cause },
      );
    }
    throw new OptionError(
      `${this.#where}: ${group}.match is ${show(match)}, expected a part of a parameter's name such as ` +
        "'bias', or a RegExp.",
    );
  }
}

/** A text as an expression that matches the text itself. */
function escapeText(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function toPlain({ match, ...settings }: ParameterGroup): object {
  const list = Array.isArray(match) ? match.map(String) : String(match);
  return { match: list, ...settings };
}
