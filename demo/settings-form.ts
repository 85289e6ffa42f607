import { type CellName, cells } from '../src/cells/registry.ts';
import { InputError, makeElement, query } from './dom.ts';
import type { NetworkSettings, SampleSettings } from './protocol.ts';

/** Labels of cell options and of their choices; the first is the default. */
const optionLabels: Readonly<
  Record<string, { readonly label: string; readonly choices: Readonly<Record<string, string>> }>
> = {
  candidate: {
    label: 'Candidate',
    choices: { linear: 'as it is', positive: 'made positive' },
  },
  forget: {
    label: 'Forget gate',
    choices: { sigmoid: 'sigmoid', exponential: 'exponential' },
  },
  nonlinearity: { label: 'Nonlinearity', choices: { tanh: 'tanh', relu: 'relu' } },
  reset: {
    label: 'Reset gate',
    choices: { after: 'after matmul', before: 'before matmul' },
  },
  update: {
    label: 'Update gate',
    choices: { keep: 'keeps old', replace: 'takes new' },
  },
};

/** Fields of the same form that say nothing of the network. */
const textFields: ReadonlySet<string> = new Set(['source', 'text']);

const defaultCell: CellName = 'lstm';

/** The network's settings as they stand in the form. */
export class SettingsForm {
  readonly #form: HTMLFormElement;
  readonly #cell: HTMLSelectElement;
  readonly #summary: HTMLElement;
  readonly #options: HTMLElement;
  readonly #formulas: HTMLElement;

  constructor(form: HTMLFormElement) {
    this.#form = form;
    this.#cell = query(form, '#cell', HTMLSelectElement);
    this.#summary = query(form, '#cell-summary', HTMLElement);
    this.#options = query(form, '#cell-options', HTMLElement);
    this.#formulas = query(form, '#formulas', HTMLElement);
    for (const { name } of Object.values(cells)) this.#cell.append(new Option(name));
    this.#cell.value = defaultCell;
    this.#cell.addEventListener('change', () => this.#showCell());
    this.#showCell();
  }

  /** @throws {InputError} for a number that is missing or out of range. */
  read(): NetworkSettings {
    const number = (name: string) =>
      readNumber(query(this.#form, `[name="${name}"]`, HTMLInputElement));
    const choices = [...this.#options.querySelectorAll('select')];
    return {
      cell: this.#cell.value as CellName,
      cellOptions: Object.fromEntries(choices.map(({ name, value }) => [name, value])),
      hiddenSize: number('hiddenSize'),
      layers: number('layers'),
      learningRate: number('learningRate'),
    };
  }

  /** What tells one choice of settings from another, whether it is valid or not. */
  get fingerprint(): string {
    const entries = [...new FormData(this.#form)].filter(([name]) => !textFields.has(name));
    return JSON.stringify(entries);
  }

  #showCell(): void {
    const { optionNames, summary, formulas } = cells[this.#cell.value as CellName];
    this.#summary.textContent = summary;
    this.#formulas.replaceChildren(...formulas.map((line) => makeElement('li', '', line)));
    this.#options.replaceChildren(
      ...optionNames.filter((name) => name in optionLabels).map(makeOptionField),
    );
    this.#options.hidden = this.#options.childElementCount === 0;
  }
}

/** @throws {InputError} for a temperature that is missing or out of range. */
export function readSampling(form: HTMLFormElement): SampleSettings {
  return {
    prompt: query(form, '[name="prompt"]', HTMLInputElement).value,
    temperature: readNumber(query(form, '[name="temperature"]', HTMLInputElement)),
  };
}

function makeOptionField(name: string): HTMLElement {
  const { label, choices } = optionLabels[name] ?? { label: name, choices: {} };
  const select = document.createElement('select');
  select.name = name;
  select.id = `option-${name}`;
  for (const [value, words] of Object.entries(choices)) select.append(new Option(words, value));
  const caption = document.createElement('label');
  caption.htmlFor = select.id;
  caption.textContent = label;
  return makeElement('div', 'field', caption, select);
}

function readNumber(field: HTMLInputElement): number {
  const value = field.valueAsNumber;
  const whole = field.step === '1';
  const [least, most] = [Number(field.min), Number(field.max)];
  const valid = value >= least && value <= most && (!whole || Number.isInteger(value));
  field.setAttribute('aria-invalid', String(!valid));
  if (valid) return value;
  throw new InputError(
    `${field.labels?.[0]?.textContent ?? field.name} is ${field.value || 'empty'}, expected a ` +
      `${whole ? 'whole ' : ''}number from ${field.min} to ${field.max}. Change it.`,
    field,
  );
}
