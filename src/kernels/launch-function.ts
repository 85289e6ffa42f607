import { ShaderError } from '../errors.ts';
import { assembleShader } from './assemble.ts';
import type { KernelDescription, PartDescription, StructLayout } from './description.ts';
import { evaluateConstant } from './evaluate.ts';
import { parts as everyPart } from './generated/parts.ts';
import { type AccessPath, MemoryAccess, type MemoryPlace } from './memory-access.ts';
import { readType } from './memory-layout.ts';
import { bodyOf, type Declaration, readDeclarations, type ShaderModule } from './module.ts';
import { type ShaderFile, seek, type Token, tokenize } from './tokens.ts';

/** A launch whose kernel becomes functions of a larger module. */
export interface FunctionRequest {
  /** Put before every name of the launch's module. */
  readonly prefix: string;
  readonly label: string;
  readonly kernel: KernelDescription;
  readonly cell: PartDescription | undefined;
  readonly constants: Readonly<Record<string, number | boolean>>;
  /** Where each binding's words are. */
  readonly places: ReadonlyMap<string, MemoryPlace>;
}

/** The declarations of a launch, and how its entry point, now a function, is called. */
export interface LaunchFunction {
  /** What has to stand in front of all declarations. */
  readonly directives: readonly string[];
  readonly declarations: readonly string[];
  readonly name: string;
  /** Built-in values that the function takes, in order. */
  readonly builtins: readonly string[];
  readonly workgroupSize: readonly [number, number, number];
  /** Whether threads wait for each other, so that a workgroup must run as one. */
  readonly hasBarriers: boolean;
  readonly hasWorkgroupMemory: boolean;
}

const assignment = /^(?:[-+*/%&|^]|<<|>>)?=$/;
const barrier = /^(?:workgroupBarrier|storageBarrier|workgroupUniformLoad)$/;

/**
 * Turns a launch's joined WGSL into functions: every name gets a prefix, and what the kernel binds is read
 * and written by word, in memory that may hold the bindings of other launches too.
 *
 * @throws {ShaderError} for bindings that cannot be reached so.
 */
export function makeLaunchFunction(request: FunctionRequest): LaunchFunction {
  return new LaunchWriter(request).write();
}

class LaunchWriter {
  readonly #request: FunctionRequest;
  readonly #module: ShaderModule;
  readonly #file: ShaderFile;
  readonly #declarations: readonly Declaration[];
  readonly #names: ReadonlySet<string>;
  readonly #accesses = new Map<string, MemoryAccess>();
  /** Parameters of the function being written: they hide bindings of their name. */
  #parameters: ReadonlySet<string> = new Set();

  constructor(request: FunctionRequest) {
    this.#request = request;
    const { kernel, cell, constants } = request;
    const own = { name: `kernels/${kernel.name}`, source: kernel.source };
    const { code, module } = assembleShader({ kernel: own, cell, parts: everyPart, constants });
    this.#module = module;
    this.#file = tokenize(`${request.label} (kernel ${kernel.name})`, code);
    this.#declarations = readDeclarations(this.#file);
    this.#names = new Set(this.#declarations.map(({ name }) => name));
    for (const declaration of this.#declarations) this.#addAccess(declaration);
  }

  write(): LaunchFunction {
    const { tokens } = this.#file;
    const entry = this.#declarations.find(
      ({ start, keyword }) => start < keyword && this.#isEntry(start, keyword),
    );
    if (!entry) throw this.#error('there is no entry point');
    const directives: string[] = [];
    const texts: string[] = [];
    for (const declaration of this.#declarations) {
      const { kind, name, start, keyword, end } = declaration;
      if (this.#accesses.has(name)) continue;
      if (kind === 'directive') {
        directives.push(this.#emit(start, end).trim());
        continue;
      }
      this.#parameters = kind === 'fn' ? this.#namesOfParameters(keyword) : new Set();
      if (declaration === entry) texts.push(this.#entryText(entry));
      else texts.push(this.#emit(kind === 'fn' ? keyword : start, end, kind === 'struct').trim());
    }
    const functions = [...this.#accesses.values()].flatMap((access) => access.functions);
    return {
      directives,
      declarations: [...functions, ...texts],
      name: this.#rename(entry.name),
      builtins: this.#parametersOf(entry).map(({ builtin }) => builtin),
      workgroupSize: this.#workgroupSize(entry),
      hasBarriers: tokens.some(({ text }) => barrier.test(text)),
      hasWorkgroupMemory: this.#declarations.some((item) => this.#isWorkgroupMemory(item)),
    };
  }

  #error(what: string): ShaderError {
    return new ShaderError(`${this.#file.path}: ${what}: cannot be fused with other launches.`);
  }

  #rename(name: string): string {
    return `${this.#request.prefix}_${name}`;
  }

  #isEntry(start: number, keyword: number): boolean {
    return this.#file.tokens.slice(start, keyword).some(({ text }) => text === 'compute');
  }

  #isWorkgroupMemory({ kind, keyword }: Declaration): boolean {
    return kind === 'var' && this.#file.tokens[keyword + 2]?.text === 'workgroup';
  }

  /** The value of a constant expression of the module. */
  #evaluate(start: number, end: number): number {
    const lookup = (name: string) => this.#module.valueOf(name);
    const { value } = evaluateConstant(this.#file.tokens, start, end, lookup);
    if (value === undefined || value.type === 'array')
      throw this.#error('a size that is no constant');
    return value.value;
  }

  #addAccess({ kind, name, keyword }: Declaration): void {
    const binding = this.#request.kernel.bindings[name];
    if (kind !== 'var' || !binding) return;
    const place = this.#request.places.get(name);
    if (!place) throw this.#error(`binding '${name}' has no place`);
    const structs = new Map<string, StructLayout>();
    const layout = binding.struct ?? binding.element;
    const structType = /(\w+)>*$/.exec(binding.type)?.[1];
    if (layout && structType !== undefined) structs.set(structType, layout);
    const { tokens } = this.#file;
    const colon = seek(tokens, keyword, tokens.length, ':');
    const type = readType(tokens, colon + 1, structs, (from, to) => this.#evaluate(from, to));
    const rename = (struct: string) => this.#rename(struct);
    this.#accesses.set(name, new MemoryAccess(this.#rename(name), type.layout, place, rename));
  }

  #namesOfParameters(keyword: number): Set<string> {
    const { tokens } = this.#file;
    const close = tokens[keyword + 2]?.pair ?? keyword;
    const names = tokens
      .slice(keyword + 2, close)
      .filter((_, index, list) => list[index + 1]?.text === ':');
    return new Set(names.map(({ text }) => text));
  }

  #parametersOf({ keyword }: Declaration): { builtin: string; text: string }[] {
    const { tokens } = this.#file;
    const close = tokens[keyword + 2]?.pair ?? keyword;
    const parameters: { builtin: string; text: string }[] = [];
    for (let at = keyword + 3; at < close; at++) {
      if (tokens[at]?.text !== 'builtin') continue;
      const name = tokens[at + 4]?.text;
      parameters.push({
        builtin: tokens[at + 2]?.text ?? '',
        text: `${name}: ${tokens[at + 6]?.text}`,
      });
    }
    return parameters;
  }

  #entryText(entry: Declaration): string {
    const parameters = this.#parametersOf(entry).map(({ text }) => text);
    const body = this.#emit(bodyOf(entry), entry.end);
    return `fn ${this.#rename(entry.name)}(${parameters.join(', ')})${body}`;
  }

  #workgroupSize({ start, keyword }: Declaration): [number, number, number] {
    const { tokens } = this.#file;
    const size: [number, number, number] = [1, 1, 1];
    const at = tokens.findIndex(
      (token, index) => index >= start && token.text === 'workgroup_size',
    );
    if (at < 0 || at > keyword) throw this.#error('an entry point without @workgroup_size');
    const close = tokens[at + 1]?.pair ?? at;
    let from = at + 2;
    for (let axis = 0; axis < 3 && from < close; axis++) {
      const to = seek(tokens, from, close, ',');
      size[axis] = this.#evaluate(from, to);
      from = to + 1;
    }
    return size;
  }

  /** The tokens `[start, end)` with names prefixed and bindings replaced. */
  #emit(start: number, end: number, isStruct = false): string {
    const { tokens } = this.#file;
    let text = '';
    let at = start;
    while (at < end) {
      const token = tokens[at] as Token;
      const isMember = tokens[at - 1]?.text === '.' || (isStruct && tokens[at + 1]?.text === ':');
      const isName = token.kind === 'word' && !isMember && !this.#parameters.has(token.text);
      const access = isName ? this.#accesses.get(token.text) : undefined;
      if (access) {
        const replaced = this.#replaceAccess(access, at, end);
        text += token.before + replaced.text;
        at = replaced.end;
        continue;
      }
      if (isName && token.text === 'arrayLength') {
        const name = tokens[at + 3]?.text ?? '';
        text += `${token.before}${this.#accesses.get(name)?.length ?? 0}u`;
        at = (tokens[at + 1]?.pair ?? at) + 1;
        continue;
      }
      const isOwn = isName && this.#names.has(token.text);
      text += token.before + (isOwn ? this.#rename(token.text) : token.text);
      at++;
    }
    return text;
  }

  /** A binding with its indices and fields: a read, or the whole assignment that it is the target of. */
  #replaceAccess(access: MemoryAccess, at: number, end: number): { text: string; end: number } {
    const { tokens } = this.#file;
    const name = tokens[at]?.text;
    const before = tokens[at - 1]?.text ?? '';
    if (before === '&' || /^(?:let|var|const)$/.test(before)) {
      throw this.#error(`'${before} ${name}': a pointer to a binding, or another use of its name`);
    }
    const path: { indices: string[]; fields: string[] } = { indices: [], fields: [] };
    let next = at + 1;
    while (tokens[next]?.text === '[') {
      const close = tokens[next]?.pair ?? next;
      path.indices.push(this.#emit(next + 1, close));
      next = close + 1;
    }
    // Fields of a struct are read one by one; swizzles of what has been read stay as they are.
    const field = tokens[next]?.text === '.' ? tokens[next + 1]?.text : undefined;
    if (field !== undefined && access.hasField(field)) {
      path.fields.push(field);
      next += 2;
    }
    const operator = tokens[next]?.text ?? '';
    if (!assignment.test(operator)) return { text: access.read(path), end: next };
    const stop = seek(tokens, next, end, ';');
    const value = this.#emit(next + 1, stop);
    return { text: this.#assign(access, path, operator, value), end: stop };
  }

  #assign(access: MemoryAccess, path: AccessPath, operator: string, value: string): string {
    if (operator === '=') return access.write(path, value);
    return access.write(path, `${access.read(path)} ${operator.slice(0, -1)} (${value})`);
  }
}
