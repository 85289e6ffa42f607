import { ShaderError } from '../errors.ts';
import type { MemoryLayout, ScalarName, StructMember } from './memory-layout.ts';

/** Where a binding's words are. */
export interface MemoryPlace {
  /** A global `array<u32>`, the vectors of a uniform block, or the words of such a block, to be written out. */
  readonly memory: string | { readonly uniform: string } | Uint32Array;
  /** First word of the binding. */
  readonly word: number;
  readonly wordCount: number;
  /** Words between neighbours along each index, then between the numbers of an element; else it is dense. */
  readonly strides?: readonly number[] | undefined;
}

/** A word that is known: behind a function, as an expression of constants alone must not divide by 0 or be infinite. */
export const knownWord = 'fn known_word(word: u32) -> u32 { return word; }';

/** Indices and fields behind a binding's name, e.g. `[i].sum`. */
export interface AccessPath {
  readonly indices: readonly string[];
  readonly fields: readonly string[];
}

/** Functions that read and write a binding whose words lie in memory of another type. */
export class MemoryAccess {
  readonly #functions = new Map<string, string>();

  /**
   * @param prefix - of the functions' names.
   * @param structName - the name of a struct in the module that the functions go into.
   */
  constructor(
    private readonly prefix: string,
    private readonly layout: MemoryLayout,
    private readonly place: MemoryPlace,
    private readonly structName: (name: string) => string,
  ) {}

  /** The functions that the calls so far need. */
  get functions(): readonly string[] {
    return [...this.#functions.values()];
  }

  /** Elements of the array that the binding is. */
  get length(): number {
    if (this.layout.kind !== 'array') throw new ShaderError(`${this.prefix} has no length.`);
    return this.layout.count ?? Math.floor(this.place.wordCount / this.layout.element.words);
  }

  /** Whether what is bound, or its elements, are structs with this field. */
  hasField(name: string): boolean {
    let { layout } = this;
    while (layout.kind === 'array') layout = layout.element;
    return layout.kind === 'struct' && layout.fields.has(name);
  }

  /** An expression that reads what the path denotes. */
  read(path: AccessPath): string {
    const target = this.#resolve(path);
    const name = this.#name('get', path);
    const type = this.#typeOf(target.layout);
    const body = `return ${this.#readText(target.layout, target.address)};`;
    this.#functions.set(name, `fn ${name}(${target.parameters}) -> ${type} { ${body} }`);
    return `${name}(${indexArguments(path)})`;
  }

  /** A statement without `;` that writes an expression to what the path denotes. */
  write(path: AccessPath, value: string): string {
    const target = this.#resolve(path);
    const name = this.#name('set', path);
    const type = this.#typeOf(target.layout);
    const body = this.#writeText(target.layout, target.address);
    const separator = target.parameters === '' ? '' : ', ';
    const parameters = `${target.parameters}${separator}value: ${type}`;
    this.#functions.set(name, `fn ${name}(${parameters}) { ${body} }`);
    return `${name}(${[indexArguments(path), value].filter((text) => text !== '').join(', ')})`;
  }

  #name(verb: string, { fields }: AccessPath): string {
    return [this.prefix, verb, ...fields].join('_');
  }

  /** Follows a path to a word address and the layout there. */
  #resolve({ indices, fields }: AccessPath) {
    let { layout } = this;
    let word = this.place.word;
    const terms: string[] = [];
    for (const index of indices.keys()) {
      if (layout.kind !== 'array') throw new ShaderError(`${this.prefix} is indexed too deeply.`);
      layout = layout.element;
      terms.push(scaled(`i${index}`, this.place.strides?.[index] ?? layout.words));
    }
    for (const name of fields) {
      const member: StructMember | undefined =
        layout.kind === 'struct' ? layout.fields.get(name) : undefined;
      if (!member) throw new ShaderError(`${this.prefix} has no field '${name}'.`);
      word += member.offset;
      layout = member.layout;
    }
    if (layout.kind === 'array') {
      throw new ShaderError(`${this.prefix} is used as a whole array. Index it to an element.`);
    }
    const parameters = indices.map((_, index) => `i${index}: u32`).join(', ');
    return { layout, address: { word, dynamic: terms.join(' + ') }, parameters };
  }

  #typeOf(layout: MemoryLayout): string {
    if (layout.kind === 'struct') return this.structName(layout.type);
    return layout.kind === 'array' ? '' : layout.type;
  }

  #readText(layout: MemoryLayout, address: Address): string {
    const parts = this.#partsOf(layout, address);
    if (layout.kind === 'scalar') return fromWord(layout.type, this.#word(address));
    const values = parts.map((part) => this.#readText(part.layout, part.address));
    return `${this.#typeOf(layout)}(${values.join(', ')})`;
  }

  #writeText(layout: MemoryLayout, address: Address, value = 'value'): string {
    if (layout.kind === 'scalar') {
      return `${this.#word(address)} = ${toWord(layout.type, value)};`;
    }
    return this.#partsOf(layout, address)
      .map((part) => this.#writeText(part.layout, part.address, `${value}.${part.name}`))
      .join(' ');
  }

  /** The members of a struct or vector with their addresses. */
  #partsOf(layout: MemoryLayout, { word, dynamic }: Address): MemoryPart[] {
    if (layout.kind === 'struct') {
      return [...layout.fields].map(([name, member]) => ({
        name,
        layout: member.layout,
        address: { word: word + member.offset, dynamic },
      }));
    }
    if (layout.kind !== 'vector') return [];
    const stride = this.place.strides?.at(-1) ?? 1;
    return Array.from({ length: layout.lanes }, (_, lane) => ({
      name: 'xyzw'[lane] as string,
      layout: { kind: 'scalar', type: layout.scalar, words: 1 },
      address: { word: word + lane * stride, dynamic },
    }));
  }

  #word({ word, dynamic }: Address): string {
    const { memory } = this.place;
    if (typeof memory === 'string') {
      return `${memory}[${word}u${dynamic === '' ? '' : ` + ${dynamic}`}]`;
    }
    if (dynamic !== '') throw new ShaderError(`${this.prefix}: an array in a uniform block.`);
    if (memory instanceof Uint32Array) return `known_word(${memory[word]}u)`;
    return `${memory.uniform}[${Math.floor(word / 4)}u].${'xyzw'[word % 4]}`;
  }
}

interface MemoryPart {
  readonly name: string;
  readonly layout: MemoryLayout;
  readonly address: Address;
}

interface Address {
  readonly word: number;
  /** WGSL terms that depend on indices; empty where there are none. */
  readonly dynamic: string;
}

/** A product that is left out where it changes nothing. */
function scaled(index: string, words: number): string {
  return words === 1 ? index : `${index} * ${words}u`;
}

function fromWord(type: ScalarName, word: string): string {
  return type === 'u32' ? word : `bitcast<${type}>(${word})`;
}

function toWord(type: ScalarName, value: string): string {
  return type === 'u32' ? value : `bitcast<u32>(${value})`;
}

function indexArguments({ indices }: AccessPath): string {
  return indices.map((index) => `u32(${index.trim()})`).join(', ');
}
