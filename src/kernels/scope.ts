import { type Constant, type ConstantScalar, convertConstant } from './constants.ts';
import { evaluateConstant } from './evaluate.ts';
import type { Declaration, ShaderModule } from './module.ts';
import { shaderError, type Token } from './tokens.ts';

/** What a name means inside a function, where it is not what the module declares. */
export type Local =
  | { readonly kind: 'runtime' }
  | { readonly kind: 'constant'; readonly value: Constant }
  | { readonly kind: 'loop'; readonly value: ConstantScalar; readonly text: string }
  | {
      readonly kind: 'registers';
      /** The array's name where it was declared. */
      readonly name: string;
      readonly element: string;
      readonly count: number;
      readonly line: number;
      /** Set for the parameter of an inlined function. */
      readonly isPointer?: true;
    }
  /** A pointer of an inlined function: the variable of the caller that it points to. */
  | { readonly kind: 'alias'; readonly name: string };

/** Whether a name is a pointer of an inlined function. */
export function isPointer(local: Local | undefined): local is Local & { readonly name: string } {
  return local?.kind === 'alias' || (local?.kind === 'registers' && local.isPointer === true);
}

/** Names and constants that are visible at a place of a declaration. */
export class Scope {
  private readonly module: ShaderModule;
  private readonly declaration: Declaration;
  private readonly locals = new Map<string, Local>();
  /** Names bound in the open blocks with what they meant before, to be restored. */
  private readonly trail: { readonly name: string; readonly previous: Local | undefined }[] = [];

  constructor(module: ShaderModule, declaration: Declaration) {
    this.module = module;
    this.declaration = declaration;
  }

  find(name: string): Local | undefined {
    return this.locals.get(name);
  }

  bind(name: string, local: Local): void {
    this.trail.push({ name, previous: this.locals.get(name) });
    this.locals.set(name, local);
  }

  /** Opens a block; give the result to {@link close}. */
  open(): number {
    return this.trail.length;
  }

  close(mark: number): void {
    while (this.trail.length > mark) {
      const { name, previous } = this.trail.pop() as (typeof this.trail)[number];
      if (previous === undefined) this.locals.delete(name);
      else this.locals.set(name, previous);
    }
  }

  readonly lookup = (name: string): Constant | undefined => {
    const local = this.locals.get(name);
    if (local === undefined) return this.module.valueOf(name);
    return local.kind === 'loop' || local.kind === 'constant' ? local.value : undefined;
  };

  /** What the tokens `[start, end)` denote, as far as it is known when the plan is made. */
  evaluated(start: number, end: number): { readonly value?: Constant | undefined } {
    return evaluateConstant(this.declaration.file.tokens, start, end, this.lookup);
  }

  /** The scalar that the tokens `[start, end)` denote; `what` and `remedy` go into the error. */
  evaluate(start: number, end: number, what: string, remedy: string): ConstantScalar {
    const { tokens } = this.declaration.file;
    const token = tokens[start] as Token;
    const result = evaluateConstant(tokens, start, end, this.lookup);
    if (result.value === undefined) {
      this.fail(token, `${what} is not constant: ${result.problem}. ${remedy}`);
    }
    if (result.value.type === 'array') {
      this.fail(token, `${what} is an array, expected a scalar. ${remedy}`);
    }
    return result.value;
  }

  /** Value of a `let` or `const` of a function, or `undefined` where it is known only at run time. */
  declaredValue(nameAt: number, equals: number, end: number): Constant | undefined {
    const { tokens } = this.declaration.file;
    const { value } = evaluateConstant(tokens, equals + 1, end, this.lookup);
    if (value === undefined) return undefined;
    const declared = tokens[nameAt + 1]?.text === ':' ? tokens[nameAt + 2]?.text : undefined;
    const isLet = tokens[nameAt - 1]?.text === 'let';
    const type = declared ?? (isLet ? concrete(value.type) : undefined);
    return type === undefined ? value : convertConstant(value, type);
  }

  /** Refuses to declare a name that stands for something else once the text is expanded. */
  checkName(name: Token): void {
    if (this.find(name.text)?.kind === 'loop') {
      this.fail(name, `'${name.text}' hides the variable of an unrolled loop. Rename it.`);
    }
    const family = /^(.+)_\d+$/.exec(name.text)?.[1];
    if (family !== undefined && this.find(family)?.kind === 'registers') {
      this.fail(name, `'${name.text}' hides a register of array '${family}'. Rename it.`);
    }
  }

  fail(token: Token, message: string): never {
    throw shaderError(this.declaration.file.path, token.line, message);
  }
}

/** The type that a `let` gives an abstract number. */
function concrete(type: string): string | undefined {
  if (type === 'int') return 'i32';
  return type === 'float' ? 'f32' : undefined;
}
