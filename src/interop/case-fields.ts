import { FileFormatError } from '../errors.ts';

/**
 * Checked access to the fields of a case's JSON metadata. Every getter throws a
 * {@link FileFormatError} that names the file, the field, what it holds and what it should hold.
 */
export class CaseFields {
  readonly source: string;
  readonly #path: string;
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(source: string, path: string, value: unknown) {
    this.source = source;
    this.#path = path;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.fail(path, value, 'an object');
    }
    this.#values = value as Record<string, unknown>;
  }

  /** Names of the fields that are there. */
  get names(): string[] {
    return Object.keys(this.#values);
  }

  /** The field as it is; undefined if it is missing. */
  get(name: string): unknown {
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  /** Whether the field is missing or null; the getters below then take their fallback. */
  isAbsent(name: string): boolean {
    return this.get(name) === undefined || this.get(name) === null;
  }

  fail(field: string, got: unknown, expected: string): never {
    const text = JSON.stringify(got) ?? 'missing';
    throw new FileFormatError(
      `${this.source}: case field '${field}' is ${text.slice(0, 80)}, expected ${expected}. ` +
        'Write the case as the format of parity cases describes.',
    );
  }

  object(name: string): CaseFields {
    return new CaseFields(this.source, this.#join(name), this.get(name));
  }

  count(name: string, minimum = 1): number {
    const value = this.get(name);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return value;
    return this.fail(this.#join(name), this.get(name), `an integer of at least ${minimum}`);
  }

  number(name: string, fallback?: number): number {
    const value = this.isAbsent(name) ? fallback : this.get(name);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.fail(this.#join(name), this.get(name), 'a number');
  }

  nonNegative(name: string, fallback?: number): number {
    const value = this.number(name, fallback);
    return value >= 0
      ? value
      : this.fail(this.#join(name), this.get(name), 'a number of at least 0');
  }

  /** A number above 0, or null where the field is null or missing. */
  positiveOrNull(name: string): number | null {
    if (this.isAbsent(name)) return null;
    const value = this.number(name);
    return value > 0
      ? value
      : this.fail(this.#join(name), this.get(name), 'a number above 0, or null');
  }

  boolean(name: string, fallback?: boolean): boolean {
    const value = this.isAbsent(name) ? fallback : this.get(name);
    return typeof value === 'boolean'
      ? value
      : this.fail(this.#join(name), this.get(name), 'true or false');
  }

  oneOf<const T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.isAbsent(name) ? fallback : this.get(name);
    const found = choices.find((choice) => choice === value);
    return found ?? this.fail(this.#join(name), this.get(name), `one of ${choices.join(', ')}`);
  }

  strings(name: string): string[] {
    const value = this.get(name);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
    return this.fail(this.#join(name), this.get(name), 'a list of strings');
  }

  /** Two numbers, or the fallback where the field is missing. */
  pair(name: string, fallback: readonly [number, number]): readonly [number, number] {
    const value = this.get(name) ?? fallback;
    if (Array.isArray(value) && value.length === 2 && value.every(Number.isFinite)) {
      return [value[0], value[1]];
    }
    return this.fail(this.#join(name), this.get(name), 'two numbers');
  }

  #join(name: string): string {
    return this.#path === 'case' ? name : `${this.#path}.${name}`;
  }
}
