/** What the user gave cannot be used; the message says why and what to do. */
export class InputError extends Error {
  /** The field that it is about. */
  readonly field: HTMLElement | undefined;

  constructor(message: string, field?: HTMLElement) {
    super(message);
    this.field = field;
  }
}

/** The first descendant that matches; there is one, since the page was written with this code. */
export function query<T extends Element>(
  parent: ParentNode,
  selector: string,
  type: abstract new () => T,
): T {
  const found = parent.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${type.name} ${selector}. Load it again.`);
}

/** A new element with a class and content. */
export function makeElement(
  tag: string,
  className: string,
  ...content: readonly (string | Node)[]
): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...content);
  return element;
}
