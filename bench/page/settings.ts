import { titles } from '../markdown.ts';
import { type PeerName, peerNames } from '../peer.ts';
import { describeWorkload, workloads } from '../workloads.ts';
import { make, query } from './elements.ts';

/** What the visitor wants to be measured. */
export interface Choice {
  readonly workloads: readonly string[];
  readonly peers: readonly PeerName[];
  readonly repetitions: number;
  readonly budgetSeconds: number;
}

/** Chosen at first: others take long, or compute on the CPU. */
const firstWorkloads = ['hello', 'char-s', 'gru-s', 'infer-b1', 'sample'];
const firstPeers: readonly PeerName[] = ['gatefold', 'tfjs-webgpu', 'jax-webgpu', 'ort-webgpu'];

/** Puts a checkbox into the page for every workload, and for every peer of this build. */
export function showChoices(form: HTMLFormElement, available: readonly PeerName[]): void {
  const addChoice = (list: Element, name: string, value: string, checked: boolean): HTMLElement => {
    const box = make('input');
    Object.assign(box, { type: 'checkbox', name, value, defaultChecked: checked });
    const text = make('span');
    const label = make('label', box, text);
    label.className = 'choice';
    list.append(label);
    return text;
  };
  const [workloadList, peerList] = ['#workloads', '#peers'].map((id) => query(id, HTMLElement));
  for (const workload of workloads) {
    const { name } = workload;
    const text = addChoice(
      workloadList as Element,
      'workload',
      name,
      firstWorkloads.includes(name),
    );
    text.append(`${name} `, make('small', describeWorkload(workload)));
  }
  for (const name of available) {
    addChoice(peerList as Element, 'peer', name, firstPeers.includes(name)).append(titles[name]);
  }
  if (!available.some((name) => !name.startsWith('gatefold'))) {
    const note = make(
      'p',
      'This build has Gatefold alone. npm run bench -- --serve adds the others.',
    );
    note.className = 'note';
    peerList?.append(note);
  }
  form.hidden = false;
}

/** What the form says, or what is wrong with it. */
export function readChoice(form: HTMLFormElement): Choice | string {
  const data = new FormData(form);
  const chosen = data.getAll('workload').map(String);
  const peers = peerNames.filter((name) => data.getAll('peer').includes(name));
  if (chosen.length === 0) return 'No workload is chosen. Choose one at least.';
  if (peers.length === 0) return 'No library is chosen. Choose one at least.';
  const repetitions = Number(data.get('repetitions'));
  const budgetSeconds = Number(data.get('budget'));
  if (!Number.isInteger(repetitions) || repetitions < 1) {
    return 'Repetitions are a whole number from 1.';
  }
  if (!(budgetSeconds > 0)) return 'The time for each is a number of seconds above 0.';
  return { workloads: chosen, peers, repetitions, budgetSeconds };
}
