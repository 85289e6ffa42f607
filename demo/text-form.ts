import { InputError, query } from './dom.ts';
import { checkText, count, loadBook, readTextFile } from './text.ts';

const previewCharacters = 2_000;

/** Where the text comes from: the built-in one, what was typed or pasted, or a file. */
export class TextForm {
  readonly #form: HTMLFormElement;
  readonly #panel: HTMLElement;
  readonly #area: HTMLTextAreaElement;
  readonly #note: HTMLElement;
  readonly #remove: HTMLButtonElement;
  /** What was typed before a file took its place. */
  #typed = '';
  #file: { readonly name: string; readonly text: string } | undefined;

  /** @param onError - Told when a chosen or dropped file cannot be read. */
  constructor(form: HTMLFormElement, onError: (error: unknown) => void) {
    this.#form = form;
    this.#panel = query(form, '#own-text', HTMLElement);
    this.#area = query(form, '#text', HTMLTextAreaElement);
    this.#note = query(form, '#text-note', HTMLElement);
    this.#remove = query(form, '#remove-file', HTMLButtonElement);
    const open = (file: File) => {
      this.#open(file).catch(onError);
    };
    const picker = query(form, '#file', HTMLInputElement);
    picker.addEventListener('change', () => {
      const [file] = picker.files ?? [];
      if (file) open(file);
      picker.value = '';
    });
    this.#remove.addEventListener('click', () => {
      this.#file = undefined;
      this.#area.value = this.#typed;
      this.#show();
      this.#area.focus();
      this.#form.dispatchEvent(new Event('input'));
    });
    form.addEventListener('input', () => this.#show());
    acceptDrops(open, (text) => this.#take(text));
    this.#show();
  }

  /** The text to train on. @throws {InputError} if a network cannot learn from it. */
  async read(): Promise<string> {
    const text = this.identity;
    if (text === undefined) return loadBook();
    try {
      checkText(text);
    } catch (error) {
      throw error instanceof InputError ? new InputError(error.message, this.#area) : error;
    }
    return text;
  }

  /** What tells one text from another: the text itself, `undefined` for the built-in one. */
  get identity(): string | undefined {
    return this.#isOwn() ? (this.#file?.text ?? this.#area.value) : undefined;
  }

  #isOwn(): boolean {
    return new FormData(this.#form).get('source') === 'own';
  }

  async #open(file: File): Promise<void> {
    const text = await readTextFile(file);
    if (!this.#file) this.#typed = this.#area.value;
    this.#file = { name: file.name, text };
    this.#area.value = text.slice(0, previewCharacters);
    this.#chooseOwn();
  }

  #take(text: string): void {
    this.#file = undefined;
    this.#area.value = text;
    this.#chooseOwn();
  }

  #chooseOwn(): void {
    query(this.#form, '[name="source"][value="own"]', HTMLInputElement).checked = true;
    this.#form.dispatchEvent(new Event('input'));
  }

  #show(): void {
    this.#panel.hidden = !this.#isOwn();
    this.#area.readOnly = this.#file !== undefined;
    this.#remove.hidden = this.#file === undefined;
    const length = count((this.#file?.text ?? this.#area.value).length, 'character');
    const shortened = this.#file && this.#file.text.length > previewCharacters;
    this.#note.textContent = this.#file
      ? `${this.#file.name}, ${length}${shortened ? '; its beginning is shown' : ''}`
      : length;
  }
}

/** Takes files and text that are dropped on the page; text on a text field stays the browser's affair. */
function acceptDrops(onFile: (file: File) => void, onText: (text: string) => void): void {
  const { classList } = document.documentElement;
  const isOurs = ({ target, dataTransfer }: DragEvent) =>
    dataTransfer?.types.includes('Files') ||
    !(target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement);
  addEventListener('dragover', (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    classList.add('dragging');
  });
  addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) classList.remove('dragging');
  });
  addEventListener('drop', (event) => {
    classList.remove('dragging');
    if (!isOurs(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer?.files ?? [];
    const text = event.dataTransfer?.getData('text/plain');
    if (file) onFile(file);
    else if (text) onText(text);
  });
}
