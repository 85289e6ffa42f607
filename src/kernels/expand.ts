import { bindCall, dereferenced, readParameters } from './inline-call.ts';
import { bodyOf, type Declaration, type ShaderModule } from './module.ts';
import { copyRegisters, declareRegisters, readRegister } from './registers.ts';
import { isPointer, type Local, Scope } from './scope.ts';
import { formatConstant } from './specialize.ts';
import { checkJumps, declaresNames } from './statements.ts';
import { seek, type Token } from './tokens.ts';
import { UnrolledLoop } from './unrolled-loop.ts';

const runtime: Local = { kind: 'runtime' };
const largestLoop = 4096;
const largestOutput = 4_000_000;
const assignment = /^(?:(?:[-+*/%&|^]|<<|>>)?=|\+\+|--)$/;

/** A declaration after expansion, and the names of the module that it uses. */
export interface Expanded {
  readonly text: string;
  readonly uses: ReadonlySet<string>;
  /** Directives without which it is no WGSL. */
  readonly directives: ReadonlySet<string>;
}

/**
 * Writes a declaration with its marked loops unrolled, its static conditions decided and its
 * register arrays replaced by scalars.
 *
 * @throws {ShaderError} naming file and line.
 */
export function expandDeclaration(module: ShaderModule, declaration: Declaration): Expanded {
  if (declaration.specialized !== undefined) {
    const { name, specialized } = declaration;
    const value = module.valueOf(name);
    if (value !== undefined && value.type !== 'array') {
      const text = `\nconst ${name}: ${specialized} = ${formatConstant(specialized, value.value)};`;
      return { text, uses: new Set(), directives: new Set() };
    }
  }
  const expander = new Expander(module, declaration);
  return { text: expander.run(), uses: expander.uses, directives: expander.directives };
}

class Expander {
  readonly uses = new Set<string>();
  readonly directives = new Set<string>();
  private readonly module: ShaderModule;
  private readonly declaration: Declaration;
  private readonly tokens: readonly Token[];
  private readonly scope: Scope;
  /** Variables of the caller that the pointers of an inlined function point to. */
  private readonly targets = new Set<string>();
  private output = '';

  constructor(module: ShaderModule, declaration: Declaration) {
    this.module = module;
    this.declaration = declaration;
    this.tokens = declaration.file.tokens;
    this.scope = new Scope(module, declaration);
  }

  run(): string {
    const { start, end, kind } = this.declaration;
    if (kind === 'fn') {
      for (const { name } of readParameters(this.declaration)) this.scope.bind(name, runtime);
    }
    this.walk(start, end);
    return this.output;
  }

  /** The body of an inlined function, its parameters bound. */
  inline(parameters: ReadonlyMap<string, Local>): string {
    for (const [name, local] of parameters) {
      this.scope.bind(name, local);
      if (isPointer(local)) this.targets.add(local.name);
    }
    this.walk(bodyOf(this.declaration) + 1, this.declaration.end - 1);
    return this.output;
  }

  private at(index: number): Token {
    return this.tokens[index] as Token;
  }

  private emit(token: Token): void {
    this.output += token.before + token.text;
  }

  private walk(start: number, end: number): void {
    let index = start;
    while (index < end) {
      const token = this.at(index);
      if (token.kind === 'word' && this.tokens[index - 1]?.text !== '.') {
        index = this.word(index, token);
      } else if (token.text === '{') {
        this.block(index);
        index = token.pair + 1;
      } else if (token.text === '*') {
        index = this.star(index, token);
      } else {
        this.emit(token);
        index++;
      }
    }
    if (this.output.length > largestOutput) {
      const limit = largestOutput / 1e6;
      this.scope.fail(
        this.at(start),
        `unrolling gives more than ${limit} MB of text. Unroll less.`,
      );
    }
  }

  /** What stands behind a star: a pointer's variable, all of its registers, or a factor. */
  private star(index: number, token: Token): number {
    const pointed = dereferenced(this.scope, this.tokens, index);
    if (pointed !== undefined) {
      this.output += token.before + pointed;
      return index + 2;
    }
    const copy = copyRegisters(this.scope, this.tokens, index);
    this.output += copy?.text ?? token.before + token.text;
    return copy?.end ?? index + 1;
  }

  private block(index: number, before = this.at(index).before): void {
    const mark = this.scope.open();
    this.output += `${before}{`;
    const end = this.at(index).pair;
    this.walk(index + 1, end);
    this.emit(this.at(end));
    this.scope.close(mark);
  }

  /** The statements of the block at `open`, in a block or as they stand. */
  private statements(open: number, before: string, needsBlock: boolean): void {
    if (needsBlock) this.block(open, before);
    else this.walk(open + 1, this.at(open).pair);
  }

  private word(index: number, token: Token): number {
    const local = this.scope.find(token.text);
    if (local === undefined) {
      switch (token.text) {
        case 'for':
          return this.loop(index, token);
        case 'if':
          return token.marker ? this.staticIf(index) : this.plain(index, token);
        case 'let':
        case 'const':
        case 'var':
          return this.declare(index, token);
        default:
          return this.plain(index, token);
      }
    }
    if (local.kind === 'loop') {
      if (assignment.test(this.at(index + 1).text)) {
        this.scope.fail(
          token,
          `unrolled loop variable '${token.text}' is assigned to in the loop's body.`,
        );
      }
      this.output += token.before + local.text;
      return index + 1;
    }
    if (local.kind === 'registers') {
      const { text, end } = readRegister(this.scope, this.tokens, index, local);
      this.output += text;
      return end;
    }
    this.output += token.before + (local.kind === 'alias' ? local.name : token.text);
    return index + 1;
  }

  private plain(index: number, token: Token): number {
    const declaration = this.module.find(token.text);
    if (declaration?.isInline) return this.call(index, token, declaration);
    const stored = this.module.storedType(declaration);
    if (stored?.isHalf) this.directives.add('enable f16;');
    if (declaration !== undefined && !stored) this.uses.add(token.text);
    this.output += token.before + (stored?.text ?? token.text);
    return index + 1;
  }

  /** Puts the body of an inlined function in place of its call. */
  private call(index: number, token: Token, called: Declaration): number {
    const { parameters, values, end } = bindCall(this.scope, this.declaration, index, called);
    const needsBlock = values.length > 0 || declaresNames(called.file.tokens, bodyOf(called));
    if (needsBlock) this.output += `${token.before}{`;
    for (const { name, start, end: stop } of values) {
      this.output += `\nlet ${name} =${this.at(start).before === '' ? ' ' : ''}`;
      this.walk(start, stop);
      this.output += ';';
    }
    const body = new Expander(this.module, called);
    this.output += body.inline(parameters);
    if (needsBlock) this.output += '\n}';
    for (const use of body.uses) this.uses.add(use);
    for (const directive of body.directives) this.directives.add(directive);
    return end;
  }

  private declare(index: number, token: Token): number {
    if (token.marker === 'specialize') {
      this.scope.fail(
        token,
        `'// specialize' marks a constant of a function, expected module scope.`,
      );
    }
    if (this.declaration.kind !== 'fn') return this.plain(index, token);
    const nameAt = this.at(index + 1).text === '<' ? index + 4 : index + 1;
    const name = this.at(nameAt);
    this.scope.checkName(name);
    if (this.targets.has(name.text)) {
      this.scope.fail(name, `'${name.text}' hides a variable that a call points to. Rename it.`);
    }
    if (token.marker === 'registers') {
      const { text, end } = declareRegisters(this.scope, this.module, this.declaration, index);
      this.output += text;
      return end;
    }
    for (let at = index; at <= nameAt; at++) this.emit(this.at(at));
    const end = seek(this.tokens, nameAt + 1, this.declaration.end, ';');
    const equals = seek(this.tokens, nameAt + 1, end, '=');
    this.walk(nameAt + 1, end);
    const value = token.text === 'var' ? undefined : this.scope.declaredValue(nameAt, equals, end);
    this.scope.bind(name.text, value === undefined ? runtime : { kind: 'constant', value });
    return end;
  }

  private loop(index: number, token: Token): number {
    const header = this.at(index + 1);
    const body = header.pair + 1;
    const end = this.at(body).pair;
    const mark = this.scope.open();
    if (token.marker !== 'unroll') {
      this.emit(token);
      this.walk(index + 1, body);
      this.block(body);
      this.scope.close(mark);
      return end + 1;
    }
    const loop = new UnrolledLoop(this.declaration, index);
    const { name } = loop;
    checkJumps(this.declaration, body + 1, end);
    if (this.scope.find(name)?.kind === 'loop') {
      this.scope.fail(token, `'${name}' is the variable of two nested unrolled loops. Rename one.`);
    }
    const needsBlock = declaresNames(this.tokens, body);
    let rounds = 0;
    for (let value = loop.first(this.scope); ; value = loop.next(this.scope, value)) {
      const literal = value.type === 'u32' ? `${value.value}u` : `${value.value}i`;
      const text = value.value < 0 ? `(${literal})` : literal;
      this.scope.bind(name, { kind: 'loop', value, text });
      if (!loop.holds(this.scope)) break;
      if (++rounds > largestLoop) {
        this.scope.fail(token, `unrolled loop over '${name}' runs more than ${largestLoop} times.`);
      }
      this.statements(body, token.before, needsBlock);
    }
    this.scope.close(mark);
    return end + 1;
  }

  /** @param isWhole - whether it is a statement, and not what stands behind an `else` of run time. */
  private staticIf(index: number, isWhole = this.tokens[index - 1]?.text !== 'else'): number {
    const body = seek(this.tokens, index + 1, this.declaration.end, '{');
    const splices = this.at(index).marker === 'splice';
    const remedy = `Drop '// ${this.at(index).marker}' where it is decided at run time.`;
    const { type, value } = this.scope.evaluate(index + 1, body, `static condition`, remedy);
    if (type !== 'bool')
      this.scope.fail(this.at(index), `static condition is a ${type}, expected bool.`);
    let next = this.at(body).pair + 1;
    const branch = (open: number, before: string) => {
      const needsBlock = !isWhole || (!splices && declaresNames(this.tokens, open));
      this.statements(open, before, needsBlock);
    };
    if (value === 1) {
      branch(body, this.at(index).before);
      while (this.tokens[next]?.text === 'else')
        next = this.at(seek(this.tokens, next + 1, this.declaration.end, '{')).pair + 1;
      return next;
    }
    if (this.tokens[next]?.text !== 'else') {
      if (!isWhole) this.output += ' {}';
      return next;
    }
    next++;
    const other = this.at(next);
    if (other.text === 'if') {
      return other.marker ? this.staticIf(next, isWhole) : this.word(next, other);
    }
    branch(next, other.before);
    return other.pair + 1;
  }
}
