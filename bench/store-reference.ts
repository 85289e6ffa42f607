import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { computeLosses, type StoredLosses } from './reference.ts';
import { findWorkload } from './workloads.ts';

const path = resolve(import.meta.dirname, 'reference.json');
/** Steps whose losses are kept; later ones are not compared. */
const steps = 16;

/** Computes the losses of training in float64 and keeps them in reference.json, workload by workload. */
export async function storeReference(names: readonly string[]): Promise<void> {
  for (const workload of names.map(findWorkload)) {
    // The steps of hello are so small that they are computed when they are needed.
    if (workload.kind !== 'training' || workload.name === 'hello') continue;
    console.log(`${workload.name}: ${steps} steps in float64 …`);
    const computed = await computeLosses(workload, steps);
    const kept = JSON.parse(await readFile(path, 'utf8')) as Record<string, StoredLosses>;
    kept[workload.name] = computed;
    await writeFile(path, `${JSON.stringify(kept, null, 2)}\n`);
  }
}
