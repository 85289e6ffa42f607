/** The element that matches; there is one, since the page was written with this code. */
export function query<T extends Element>(selector: string, type: abstract new () => T): T {
  const found = document.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} ${selector}. Load it again.`);
}

/** A new element with content. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  ...content: readonly (string | Node)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  element.append(...content);
  return element;
}
