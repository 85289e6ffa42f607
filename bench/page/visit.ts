/** The page as a visitor uses it: choose, run, look, take the results along. */
import type { Examination } from '../examine.ts';
import { type Effort, usualEffort } from '../interleave.ts';
import type { DrawPlot, PeerName } from '../peer.ts';
import { makeReport } from '../report.ts';
import { messageOf } from '../results.ts';
import type { WorkloadRun } from '../run-workload.ts';
import { findWorkload } from '../workloads.ts';
import { query } from './elements.ts';
import { ResultsView } from './results-view.ts';
import { type Choice, readChoice, showChoices } from './settings.ts';

/** What the page can do. */
export interface PageActions {
  /** Those that this build has. */
  readonly peers: readonly PeerName[];
  readonly loadPlot: (() => Promise<DrawPlot>) | undefined;
  examine(report: (text: string) => void): Promise<Examination>;
  runWorkload(
    name: string,
    peers: readonly PeerName[],
    effort: Effort,
    report: (text: string) => void,
  ): Promise<WorkloadRun>;
}

/** Brings the page to life. */
export function startPage(actions: PageActions): void {
  const form = query('#settings', HTMLFormElement);
  const start = query('#start', HTMLButtonElement);
  const stop = query('#stop', HTMLButtonElement);
  const problem = query('#problem', HTMLElement);
  const status = query('#status', HTMLElement);
  const view = new ResultsView(actions.loadPlot);
  let running: AbortController | undefined;

  showChoices(form, actions.peers);
  const report = (text: string): void => {
    status.textContent = running?.signal.aborted ? `stopping after this step: ${text}` : text;
  };
  const setRunning = (controller: AbortController | undefined): void => {
    running = controller;
    start.disabled = controller !== undefined;
    stop.disabled = controller === undefined;
    form.inert = controller !== undefined;
  };

  const run = async (choice: Choice): Promise<void> => {
    const controller = new AbortController();
    setRunning(controller);
    problem.textContent = '';
    try {
      await measure(actions, choice, controller.signal, view, report);
      status.textContent = 'done';
    } catch (error) {
      if (controller.signal.aborted) {
        status.textContent = 'stopped; workloads that were finished are shown';
      } else {
        status.textContent = 'failed';
        problem.textContent = messageOf(error);
      }
    } finally {
      setRunning(undefined);
    }
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const choice = readChoice(form);
    if (typeof choice === 'string') problem.textContent = choice;
    else void run(choice);
  });
  stop.addEventListener('click', () => {
    running?.abort();
    stop.disabled = true;
    report(status.textContent ?? '');
  });
}

/** Runs what was chosen, and shows the report anew after every workload. */
async function measure(
  { examine, runWorkload }: PageActions,
  { workloads, peers, repetitions, budgetSeconds }: Choice,
  signal: AbortSignal,
  view: ResultsView,
  report: (text: string) => void,
): Promise<void> {
  const examination = await examine(report);
  const runs: WorkloadRun[] = [];
  for (const [index, name] of workloads.entries()) {
    signal.throwIfAborted();
    const effort = { ...usualEffort, repetitions, budgetMs: 1000 * budgetSeconds, signal };
    const place = `${name} (${index + 1} of ${workloads.length})`;
    runs.push(await runWorkload(name, peers, effort, (text) => report(`${place}: ${text}`)));
    const findings = {
      ...examination,
      name: 'page',
      repetitions,
      budgetSeconds,
      results: runs.flatMap(({ results }) => results),
      leftOut: runs.flatMap(({ leftOut }) => leftOut),
      differences: runs.flatMap(({ differences }) => differences),
    };
    await view.show(makeReport(findings, workloads.slice(0, runs.length).map(findWorkload)));
  }
}
