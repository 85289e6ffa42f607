import { type Constant, convertConstant } from './constants.ts';
import type { ConstantType } from './description.ts';
import { evaluateConstant } from './evaluate.ts';
import { checkConstant, constantTypes } from './specialize.ts';
import { type ShaderFile, seek, shaderError, type Token } from './tokens.ts';

/** A declaration at module scope: the tokens `[start, end)` of its file. */
export interface Declaration {
  readonly file: ShaderFile;
  readonly start: number;
  readonly end: number;
  readonly kind:
    | 'fn'
    | 'struct'
    | 'var'
    | 'const'
    | 'override'
    | 'alias'
    | 'const_assert'
    | 'directive';
  /** Empty for assertions and directives. */
  readonly name: string;
  /** Index of the keyword, behind the attributes. */
  readonly keyword: number;
  /** Set for constants whose value a launch supplies. */
  readonly specialized?: ConstantType;
  /** Set for types that are f16 where this constant holds. */
  readonly halfWhere?: string;
  /** Set for functions whose body takes the place of each call. */
  readonly isInline?: true;
}

const kinds: Readonly<Record<string, Declaration['kind']>> = {
  fn: 'fn',
  struct: 'struct',
  var: 'var',
  const: 'const',
  override: 'override',
  alias: 'alias',
  const_assert: 'const_assert',
  enable: 'directive',
  requires: 'directive',
  diagnostic: 'directive',
};

/** Splits a file into its declarations. @throws {ShaderError} for text that is none. */
export function readDeclarations(file: ShaderFile): Declaration[] {
  const { tokens, path } = file;
  const declarations: Declaration[] = [];
  let position = 0;
  while (position < tokens.length) {
    const start = position;
    while (tokens[position]?.text === '@') {
      position += 2;
      const opening = tokens[position];
      if (opening?.text === '(') position = opening.pair + 1;
    }
    const keyword = tokens[position];
    if (keyword?.text === ';') {
      position++;
      continue;
    }
    const kind = kinds[keyword?.text ?? ''];
    if (keyword === undefined || kind === undefined) {
      const at = keyword ?? (tokens[start] as Token);
      const expected = 'fn, struct, var, const, override, alias or const_assert';
      throw shaderError(
        path,
        at.line,
        `declaration starts with '${at.text}', expected ${expected}.`,
      );
    }
    const braced = kind === 'fn' || kind === 'struct';
    const last = seek(tokens, position, tokens.length, braced ? '{' : ';');
    const end = (braced ? (tokens[last]?.pair ?? last) : last) + 1;
    if (last === tokens.length) {
      const missing = braced ? '{ … }' : ';';
      throw shaderError(path, keyword.line, `'${keyword.text}' has no '${missing}' behind it.`);
    }
    const named = kind !== 'const_assert' && kind !== 'directive';
    const name = named ? nameOf(tokens, position) : '';
    const declaration = { file, start, end, kind, name, keyword: position };
    const specialized = readMarker(declaration, keyword);
    const halfWhere = keyword.marker === 'f16' ? (keyword.markerText ?? '') : undefined;
    if (keyword.marker === 'inline') checkInline(declaration);
    declarations.push({
      ...declaration,
      ...(keyword.marker === 'inline' && { isInline: true as const }),
      ...(specialized !== undefined && { specialized }),
      ...(halfWhere !== undefined && { halfWhere }),
    });
    position = end;
  }
  return declarations;
}

/** The declared name: the first word behind the keyword and a template list such as `<storage>`. */
function nameOf(tokens: readonly Token[], keyword: number): string {
  let at = keyword + 1;
  if (tokens[at]?.text === '<') {
    while (at < tokens.length && tokens[at]?.text !== '>') at++;
    at++;
  }
  return tokens[at]?.text ?? '';
}

/** Where the body of a function opens. */
export function bodyOf({ file, keyword, end }: Declaration): number {
  return seek(file.tokens, keyword, end, '{');
}

/** Refuses what has no meaning once a function's body stands in its caller. */
function checkInline(declaration: Declaration): void {
  const { file, name, keyword, end } = declaration;
  const { tokens, path } = file;
  const open = bodyOf(declaration);
  for (let at = keyword; at < end; at++) {
    const { text, line } = tokens[at] as Token;
    if (text === 'return' || (text === '->' && at < open)) {
      const message = `inlined function '${name}' gives something back`;
      throw shaderError(path, line, `${message}. Write it through a pointer.`);
    }
  }
}

function readMarker(
  { file, keyword: at, name, kind }: Declaration,
  keyword: Token,
): ConstantType | undefined {
  const { marker } = keyword;
  if (marker === undefined || marker === 'f16' || marker === 'inline') return undefined;
  if (keyword.marker !== 'specialize') {
    const message = `'// ${keyword.marker}' marks '${kind} ${name}' at module scope`;
    throw shaderError(file.path, keyword.line, `${message}, expected it inside a function.`);
  }
  const type = file.tokens[at + 2]?.text === ':' ? file.tokens[at + 3]?.text : undefined;
  const known = constantTypes.find((candidate) => candidate === type);
  if (known === undefined) {
    const got = type === undefined ? 'no type' : `type ${type}`;
    const message = `specialised constant '${name}' has ${got}`;
    throw shaderError(
      file.path,
      keyword.line,
      `${message}, expected one of ${constantTypes.join(', ')}: const ${name}: u32 = 1u; // specialize`,
    );
  }
  return known;
}

/** The declarations of several files as one WGSL module, with its constants. */
export class ShaderModule {
  readonly declarations: readonly Declaration[];
  private readonly byName = new Map<string, Declaration>();
  private readonly values = new Map<string, Constant | undefined>();

  /**
   * @param given - Values of the specialised constants; `undefined` keeps the defaults of the text.
   * @throws {ShaderError} for names declared twice and for constants that are missing, unknown or
   *   of the wrong type.
   */
  constructor(
    files: readonly ShaderFile[],
    given: Readonly<Record<string, number | boolean>> | undefined,
  ) {
    const declarations: Declaration[] = [];
    for (const file of files) {
      for (const declaration of readDeclarations(file)) {
        if (this.add(declaration)) declarations.push(declaration);
      }
    }
    this.declarations = declarations;
    if (given !== undefined) this.specialize(files[files.length - 1] as ShaderFile, given);
  }

  /** Specialised constants with their types, in the order of the text. */
  get constants(): Record<string, ConstantType> {
    const constants: Record<string, ConstantType> = {};
    for (const { name, specialized } of this.declarations) {
      if (specialized !== undefined) constants[name] = specialized;
    }
    return constants;
  }

  find(name: string): Declaration | undefined {
    return this.byName.get(name);
  }

  /** Value of a constant of the module, or `undefined` where it has none that is known. */
  valueOf(name: string): Constant | undefined {
    if (this.values.has(name)) return this.values.get(name);
    const declaration = this.byName.get(name);
    if (declaration?.kind !== 'const') return undefined;
    this.values.set(name, undefined);
    const value = evaluateDeclared(declaration, (other) => this.valueOf(other));
    this.values.set(name, value);
    return value;
  }

  /**
   * What a type marked `// f16` stands for in this module; undefined for other declarations.
   *
   * @throws {ShaderError} where its constant decides nothing.
   */
  storedType(declaration: Declaration | undefined): { text: string; isHalf: boolean } | undefined {
    if (declaration?.halfWhere === undefined) return undefined;
    const { halfWhere, file, keyword, name, end } = declaration;
    const value = this.valueOf(halfWhere);
    if (value?.type === 'bool') {
      const wide = file.tokens[end - 2]?.text ?? '';
      const isHalf = value.value === 1;
      return { text: isHalf ? halfOf(wide) : wide, isHalf };
    }
    throw shaderError(
      file.path,
      file.tokens[keyword]?.line ?? 1,
      `type '${name}' is f16 where '${halfWhere}' holds, which is no bool constant of the module. ` +
        `Write 'const is_half: bool = false; // specialize' and '// f16: is_half'.`,
    );
  }

  private add(declaration: Declaration): boolean {
    const { name, file, keyword } = declaration;
    if (name === '') return true;
    const first = this.byName.get(name);
    if (first === undefined) {
      this.byName.set(name, declaration);
      return true;
    }
    if (first.specialized !== undefined && first.specialized === declaration.specialized) {
      return false;
    }
    const where = `${first.file.path}:${first.file.tokens[first.keyword]?.line}`;
    const line = file.tokens[keyword]?.line ?? 1;
    throw shaderError(
      file.path,
      line,
      `'${name}' is declared again, first at ${where}. Rename one.`,
    );
  }

  private specialize(kernel: ShaderFile, given: Readonly<Record<string, number | boolean>>): void {
    const declared = this.constants;
    for (const name of Object.keys(given)) {
      if (declared[name] !== undefined) continue;
      const names = Object.keys(declared).join(', ') || 'none';
      const message = `constant '${name}' is unknown, expected ${names}`;
      throw shaderError(kernel.path, 1, `${message}. Remove it, or mark it with '// specialize'.`);
    }
    for (const declaration of this.declarations) {
      if (declaration.specialized === undefined) continue;
      const { name, file, keyword, specialized } = declaration;
      const value = given[name];
      const problem = checkConstant(name, specialized, value);
      if (problem !== undefined || value === undefined) {
        throw shaderError(file.path, file.tokens[keyword]?.line ?? 1, `${problem}`);
      }
      this.values.set(name, {
        type: specialized,
        value: specialized === 'f32' ? Math.fround(Number(value)) : Number(value),
      });
    }
  }
}

/** The type of half precision in place of a 32-bit one: `vec4h` for `vec4f`. */
function halfOf(type: string): string {
  return /^vec[234]f$/.test(type) ? type.replace(/f$/, 'h') : 'f16';
}

/** Value of a `const NAME: TYPE = EXPRESSION;` whose keyword stands at `keyword`. */
function evaluateDeclared(
  { file, keyword, end }: Declaration,
  lookup: (name: string) => Constant | undefined,
): Constant | undefined {
  let at = keyword;
  while (at < end && file.tokens[at]?.text !== '=') at++;
  const result = evaluateConstant(file.tokens, at + 1, end - 1, lookup);
  if (result.value === undefined) return undefined;
  const type = file.tokens[keyword + 2]?.text === ':' ? file.tokens[keyword + 3]?.text : undefined;
  return type === undefined ? result.value : convertConstant(result.value, type);
}
