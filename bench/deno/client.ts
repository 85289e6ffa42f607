/** Runs in Deno: examines its adapter and runs workloads as run-deno.ts asks for. */
import { stdin, stdout } from 'node:process';
import { createInterface } from 'node:readline';
import { loaders } from 'virtual:gatefold-bench-peers';
import { type GpuRealm, type GpuWatch, watchGpu } from '../counters.ts';
import { examine } from '../examine.ts';
import type { Contender } from '../interleave.ts';
import type { PeerName } from '../peer.ts';
import { runWorkload } from '../run-workload.ts';
import type { Reply, Request } from './protocol.ts';

const realm = globalThis as unknown as GpuRealm;
/** Not before the calling thread's time has been taken: counting takes some, too. */
let watch: GpuWatch | undefined;

// What libraries print is not part of the protocol.
console.log = console.error;

const reply = (message: Reply): void => {
  stdout.write(`${JSON.stringify(message)}\n`);
};
const report = (text: string): void => reply({ kind: 'status', text });

/** All peers share this realm: each has its turns alone, but memory cannot be told apart. */
async function open(name: PeerName): Promise<Contender> {
  const load = loaders[name];
  if (!load) throw new Error(`'${name}' is not part of this build of the bench.`);
  watch ??= watchGpu(realm);
  return { name, peer: await load(), watch, ownsRealm: false, close: () => undefined };
}

async function answer(request: Request): Promise<Reply> {
  if (request.kind === 'examine') {
    return { kind: 'examined', examination: await examine(realm, report) };
  }
  const { workload, peers, effort } = request;
  return { kind: 'done', run: await runWorkload(workload, peers, effort, open, report) };
}

for await (const line of createInterface({ input: stdin })) {
  try {
    reply(await answer(JSON.parse(line) as Request));
  } catch (error) {
    reply({ kind: 'error', message: error instanceof Error ? error.message : String(error) });
  }
}
