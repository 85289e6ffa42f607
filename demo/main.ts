import './styles.css';
import { proxy, wrap } from 'comlink';
import { InputError, query } from './dom.ts';
import { LossChart } from './loss-chart.ts';
import { LossHistory } from './loss-history.ts';
import type { Progress, TrainingWorker } from './protocol.ts';
import { SampleList } from './sample-list.ts';
import { readSampling, SettingsForm } from './settings-form.ts';
import { StatusLine } from './status-line.ts';
import { count } from './text.ts';
import { TextForm } from './text-form.ts';

const sampleIntervalMs = 10_000;

/** What the network that is there was made from. */
interface Run {
  readonly settings: string;
  readonly text: string | undefined;
}

type Phase = 'no-gpu' | 'ready' | 'preparing' | 'training' | 'pausing';

const alertBox = query(document, '#alert', HTMLElement);
const note = query(document, '#run-note', HTMLElement);
const caption = query(document, '#chart-caption', HTMLElement);
const trainButton = query(document, '#train', HTMLButtonElement);
const pauseButton = query(document, '#pause', HTMLButtonElement);
const sampleButton = query(document, '#sample', HTMLButtonElement);
const settingsForm = query(document, '#settings', HTMLFormElement);
const samplingForm = query(document, '#sampling', HTMLFormElement);
const settings = new SettingsForm(settingsForm);
const text = new TextForm(settingsForm, showError);
const status = new StatusLine(query(document, '#status', HTMLElement));
const history = new LossHistory();
const chart = new LossChart(query(document, '#chart', HTMLElement), history);
const samples = new SampleList(
  query(document, '#samples', HTMLElement),
  query(document, '#no-samples', HTMLElement),
);

const thread = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const worker = wrap<TrainingWorker>(thread);

let phase: Phase = 'no-gpu';
let run: Run | undefined;
let sampling = false;
let sampledAt = 0;

function showError(error: unknown): void {
  alertBox.textContent = error instanceof Error ? error.message : String(error);
}

/** Whether the form says something else than what the network was made from. */
function isChanged(): boolean {
  return run !== undefined && (run.settings !== settings.fingerprint || run.text !== text.identity);
}

function describePhase(): string {
  if (phase === 'no-gpu') return '';
  if (phase === 'preparing') return 'Preparing the network …';
  if (phase === 'pausing') return 'Finishing the steps under way …';
  if (phase === 'training') {
    return isChanged()
      ? 'Settings changed. They count when you press Pause, then Train: it starts anew.'
      : 'Training. Pause keeps what was learnt.';
  }
  if (!run) return 'Train starts with an untrained network.';
  return isChanged()
    ? 'Settings changed: Train starts anew.'
    : 'Paused: Train goes on from here. Changed settings start anew.';
}

/** Makes buttons and note agree with what is going on. */
function show(next: Phase = phase): void {
  phase = next;
  const idle = phase === 'ready' || phase === 'no-gpu';
  const focused = document.activeElement;
  trainButton.disabled = phase !== 'ready';
  pauseButton.disabled = idle;
  sampleButton.disabled = sampling || !run || !(phase === 'ready' || phase === 'training');
  // A button that is switched off loses the focus: hand it to the one that is to be pressed next.
  if (focused === trainButton && !idle) pauseButton.focus();
  if (focused === pauseButton && idle) trainButton.focus();
  const words = describePhase();
  if (note.textContent !== words) note.textContent = words;
}

async function train(): Promise<void> {
  alertBox.textContent = '';
  try {
    if (!run || isChanged()) await start();
    if (phase === 'pausing') return;
    show('training');
    sampledAt = performance.now();
    await worker.train(proxy(onProgress)).catch((error: unknown) => {
      run = undefined;
      throw error;
    });
  } finally {
    show('ready');
  }
}

/** Replaces the network by an untrained one for the text and settings as they stand. */
async function start(): Promise<void> {
  const [chosen, fingerprint, identity] = [settings.read(), settings.fingerprint, text.identity];
  show('preparing');
  const content = await text.read();
  run = undefined;
  const { vocabularySize, tokensPerStep } = await worker.start(chosen, content);
  run = { settings: fingerprint, text: identity };
  history.clear();
  chart.update();
  samples.clear();
  status.reset(tokensPerStep);
  caption.textContent =
    `Loss in nats per character. A step reads ${count(tokensPerStep, 'character')}; the text has ` +
    `${vocabularySize} different ones, so guessing blindly costs ${Math.log(vocabularySize).toFixed(2)}.`;
}

function pause(): void {
  if (phase === 'training') worker.pause().catch(showError);
  if (phase === 'training' || phase === 'preparing') show('pausing');
}

function onProgress(progress: Progress): void {
  const first = progress.step - progress.losses.length + 1;
  for (const [index, loss] of progress.losses.entries()) history.add(first + index, loss);
  chart.update();
  status.add(progress);
  const due = performance.now() - sampledAt > sampleIntervalMs;
  if (due && phase === 'training' && !sampling) sample().catch(showError);
}

async function sample(): Promise<void> {
  const asked = run;
  sampling = true;
  show();
  try {
    const drawn = await worker.sample(readSampling(samplingForm));
    if (run === asked) samples.add(drawn);
  } finally {
    sampling = false;
    sampledAt = performance.now();
    show();
  }
}

/** Shows what went wrong after a button was pressed, and leads to the field that it is about. */
function showFailure(error: unknown): void {
  showError(error);
  if (error instanceof InputError) error.field?.focus();
}

async function open(): Promise<void> {
  const adapter = query(document, '#adapter', HTMLElement);
  try {
    if (!navigator.gpu) throw new Error(describeMissingGpu());
    const { name, software } = await worker.openDevice();
    adapter.textContent = software ? `${name}, software on the CPU: slow` : name;
    adapter.classList.add(software ? 'software' : 'hardware');
    show('ready');
  } catch (error) {
    adapter.textContent = 'No GPU to train on';
    showError(error);
  }
}

function describeMissingGpu(): string {
  return isSecureContext
    ? 'This browser has no WebGPU, which the training runs on. Open the page in Chrome or Edge 113, ' +
        'Safari 26, Firefox 141 or a later one. On Linux, Chrome may want ' +
        'chrome://flags/#enable-unsafe-webgpu switched on.'
    : 'This page was loaded over plain http, where browsers switch WebGPU off. Open it over https, ' +
        'or from localhost.';
}

thread.addEventListener('error', ({ message }) => {
  showError(`The training worker stopped: ${message || 'it did not load'}. Load the page again.`);
});
trainButton.addEventListener('click', () => {
  train().catch(showFailure);
});
pauseButton.addEventListener('click', pause);
samplingForm.addEventListener('submit', (event) => {
  event.preventDefault();
  alertBox.textContent = '';
  sample().catch(showFailure);
});
settingsForm.addEventListener('submit', (event) => event.preventDefault());
settingsForm.addEventListener('input', () => show());
open().catch(showError);
