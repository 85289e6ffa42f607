import { makeElement } from './dom.ts';
import type { Sample } from './protocol.ts';

const mostSamples = 12;

/** What the network wrote, newest first. */
export class SampleList {
  readonly #list: HTMLElement;
  readonly #placeholder: HTMLElement;

  constructor(list: HTMLElement, placeholder: HTMLElement) {
    this.#list = list;
    this.#placeholder = placeholder;
  }

  add({ step, prompt, temperature, text }: Sample): void {
    const item = document.createElement('li');
    item.append(
      makeElement(
        'p',
        'sample-facts',
        `step ${step.toLocaleString('en-US')} · temperature ${temperature}`,
      ),
      makeElement('p', 'sample-text', makeElement('span', 'sample-prompt', prompt), text),
    );
    this.#list.prepend(item);
    while (this.#list.childElementCount > mostSamples) this.#list.lastElementChild?.remove();
    this.#placeholder.hidden = true;
  }

  clear(): void {
    this.#list.replaceChildren();
    this.#placeholder.hidden = false;
  }
}
