import { ShaderError } from '../errors.ts';

/** What a trailing comment asks of the joiner. */
export type Marker = 'unroll' | 'registers' | 'specialize' | 'static' | 'splice' | 'inline' | 'f16';

/** One lexeme of WGSL. Comments are dropped; `before` is the space between it and its predecessor. */
export interface Token {
  readonly kind: 'word' | 'number' | 'punctuation';
  readonly text: string;
  readonly before: string;
  readonly line: number;
  /** Index of the matching bracket, for `( ) [ ] { }`. */
  pair: number;
  /** Set on the keyword (`for`, `if`, `var`, `const`, `fn`, `alias`) that a marker comment refers to. */
  marker?: Marker;
  /** What stands behind the marker's colon: for `f16` the constant that decides. */
  markerText?: string;
}

/** A file of the shader folder as tokens, with the parts that it asks for. */
export interface ShaderFile {
  readonly path: string;
  readonly tokens: readonly Token[];
  readonly joins: readonly { readonly name: string; readonly line: number }[];
}

/** An error that names the place in the shader. */
export function shaderError(path: string, line: number, message: string): ShaderError {
  return new ShaderError(`${path}:${line}: ${message}`);
}

/** Without groups: a match that is only tested takes no memory, and a plan's shaders have thousands of lexemes. */
const lexeme =
  /\s+|\/\/[^\n]*|\/\*|[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*|0[xX][\da-fA-F.]+(?:[pP][+-]?\d+)?[iufh]?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[iufh]?|(?:<<=|>>=|->|==|!=|<=|>=|&&|\|\||\+\+|--|[-+*/%&|^]=|<<|>>|[-+*/%&|^~!<>=.,:;@()[\]{}])/y;

/** A comment that the joiner acts on: marker, and what stands behind its colon. */
export const markerComment =
  /^\/\/\s*(unroll|registers|specialize|static|splice|inline|f16)\s*(?::\s*(.*))?$/;

/** What a marker stands behind, and the keyword that it refers to. */
const markerPlaces: Record<Marker, { after: string; keyword: string; form: string }> = {
  unroll: { after: '{', keyword: 'for', form: 'for (…) { // unroll' },
  static: { after: '{', keyword: 'if', form: 'if (…) { // static' },
  splice: { after: '{', keyword: 'if', form: 'if (…) { // splice' },
  inline: { after: '{', keyword: 'fn', form: 'fn name(…) { // inline' },
  registers: { after: ';', keyword: 'var', form: 'var name: array<f32, n>; // registers' },
  specialize: { after: ';', keyword: 'const', form: 'const name: u32 = 1u; // specialize' },
  f16: { after: ';', keyword: 'alias', form: 'alias name = f32; // f16: constant' },
};

const closers: Record<string, string> = { ')': '(', ']': '[', '}': '{' };

/**
 * Splits WGSL into tokens, pairs brackets and resolves marker comments and `//! join` lines.
 *
 * @throws {ShaderError} for characters that WGSL has not, unpaired brackets and misplaced markers.
 */
export function tokenize(path: string, source: string): ShaderFile {
  const tokens: Token[] = [];
  const joins: { name: string; line: number }[] = [];
  const open: number[] = [];
  let line = 1;
  let before = '';
  let position = 0;
  while (position < source.length) {
    lexeme.lastIndex = position;
    if (!lexeme.test(source)) {
      throw shaderError(path, line, `character '${source[position]}' is not part of WGSL.`);
    }
    const text = source.slice(position, lexeme.lastIndex);
    position = lexeme.lastIndex;
    const kind = kindOf(text);
    if (kind === 'space') {
      const lastBreak = text.lastIndexOf('\n');
      if (lastBreak >= 0) before = text.slice(lastBreak);
      else if (before === '') before = ' ';
      line += countLines(text);
    } else if (kind === 'comment') {
      readComment(path, line, text.trimEnd(), tokens, joins);
      if (before === '') before = ' ';
    } else if (kind === 'block comment') {
      const end = endOfBlockComment(source, position);
      if (end < 0) throw shaderError(path, line, `comment '/*' is not closed. Add '*/'.`);
      line += countLines(source.slice(position, end));
      position = end;
      if (before === '') before = ' ';
    } else {
      const token: Token = { kind, text, before, line, pair: -1 };
      before = '';
      if (kind === 'punctuation') pairBracket(path, token, tokens, open);
      tokens.push(token);
    }
  }
  const unclosed = open.length > 0 ? tokens[open[open.length - 1] as number] : undefined;
  if (unclosed !== undefined) {
    throw shaderError(path, unclosed.line, `bracket '${unclosed.text}' is never closed.`);
  }
  return { path, tokens, joins };
}

const [SPACE, STAR, DOT, SLASH, UNDERSCORE, NOT_ASCII] = [0x20, 0x2a, 0x2e, 0x2f, 0x5f, 0x80];

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || code === UNDERSCORE;
}

/** What a lexeme is, by how it begins. */
function kindOf(text: string): Token['kind'] | 'space' | 'comment' | 'block comment' {
  const [first, second] = [text.charCodeAt(0), text.charCodeAt(1)];
  if (first <= SPACE) return 'space';
  if (first >= NOT_ASCII) return text.trimStart() === '' ? 'space' : 'word';
  if (isLetter(first)) return 'word';
  if (isDigit(first) || (first === DOT && isDigit(second))) return 'number';
  if (first !== SLASH) return 'punctuation';
  return second === SLASH ? 'comment' : second === STAR ? 'block comment' : 'punctuation';
}

/** Index of the first `text` in `[start, end)` that is not inside brackets opened there, else `end`. */
export function seek(tokens: readonly Token[], start: number, end: number, text: string): number {
  let at = start;
  while (at < end) {
    const token = tokens[at] as Token;
    if (token.text === text) return at;
    at = token.pair > at ? token.pair + 1 : at + 1;
  }
  return end;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

/** WGSL block comments nest. Returns the position behind the one whose inside starts at `start`. */
function endOfBlockComment(source: string, start: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = start;
  let depth = 1;
  for (let match = edge.exec(source); match !== null; match = edge.exec(source)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (depth === 0) return edge.lastIndex;
  }
  return -1;
}

function pairBracket(path: string, token: Token, tokens: Token[], open: number[]): void {
  const { text } = token;
  if (text === '(' || text === '[' || text === '{') {
    open.push(tokens.length);
    return;
  }
  const opener = closers[text];
  if (opener === undefined) return;
  const start = open.pop();
  const partner = start === undefined ? undefined : tokens[start];
  if (start === undefined || partner === undefined || partner.text !== opener) {
    const got = partner === undefined ? 'nothing' : `'${partner.text}' of line ${partner.line}`;
    throw shaderError(path, token.line, `'${text}' closes ${got}, expected '${opener}'.`);
  }
  partner.pair = tokens.length;
  token.pair = start;
}

function readComment(
  path: string,
  line: number,
  comment: string,
  tokens: readonly Token[],
  joins: { name: string; line: number }[],
): void {
  if (comment.startsWith('//!')) {
    const name = /^\/\/!\s*join\s+(\S+)$/.exec(comment)?.[1];
    if (name === undefined) {
      const expected = `'//! join NAME' with NAME a part such as lib/activations, or cell`;
      throw shaderError(path, line, `directive '${comment}' is unknown, expected ${expected}.`);
    }
    if (tokens.length > 0) {
      throw shaderError(path, line, `'${comment}' stands behind WGSL. Move it to the file's top.`);
    }
    joins.push({ name, line });
    return;
  }
  const match = markerComment.exec(comment);
  const marker = match?.[1] as Marker | undefined;
  const last = tokens[tokens.length - 1];
  if (marker === undefined || last === undefined || last.line !== line) return;
  const { after, keyword, form } = markerPlaces[marker];
  const target = last.text === after ? findKeyword(tokens, keyword) : undefined;
  if (target === undefined) {
    throw shaderError(path, line, `'// ${marker}' stands in the wrong place, expected '${form}'.`);
  }
  target.marker = marker;
  if (match?.[2] !== undefined) target.markerText = match[2];
}

/** The keyword that starts the statement whose last token is the last one read so far. */
function findKeyword(tokens: readonly Token[], keyword: string): Token | undefined {
  for (let at = tokens.length - 2; at >= 0; at--) {
    const token = tokens[at] as Token;
    if (token.text === keyword) return token;
    if (token.text === ')' || token.text === ']') at = token.pair;
    else if (token.text === ';' || token.text === '{' || token.text === '}') return undefined;
  }
  return undefined;
}
