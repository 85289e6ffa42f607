const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Index of the quote that closes the string whose opening quote is at `start`. */
function findClosingQuote(json: string, start: number): number {
  let i = start + 1;
  while (json.charCodeAt(i) !== QUOTE) i += json.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}

/** Whether the next character after white space is a colon. */
function isFollowedByColon(json: string, start: number): boolean {
  let i = start;
  while (json.charCodeAt(i) <= 0x20) i += 1;
  return json.charCodeAt(i) === COLON;
}

/**
 * The first key that occurs twice in one object, which `JSON.parse` hides by keeping the last value.
 * Keys are compared after their escapes are resolved.
 *
 * @param json - Text that `JSON.parse` has accepted; anything else gives an undefined answer.
 * @returns The key, or undefined if every object's keys differ.
 */
export function findDuplicateKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < json.length; i += 1) {
    const code = json.charCodeAt(i);
    if (code === OPEN_BRACE) open.push(new Set());
    else if (code === CLOSE_BRACE) open.pop();
    else if (code === QUOTE) {
      const end = findClosingQuote(json, i);
      if (isFollowedByColon(json, end + 1)) {
        const key = JSON.parse(json.slice(i, end + 1)) as string;
        const keys = open.at(-1);
        if (keys?.has(key)) return key;
        keys?.add(key);
      }
      i = end;
    }
  }
  return undefined;
}
