import { createReadStream, existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DeviceError, OptionError } from '../../errors.ts';
import type { ParityCase } from '../../interop/case-types.ts';
import { decodeCaseRun, stripCaseFile } from './case-run-bytes.ts';
import type { ClientSettings } from './client.ts';
import type { CaseRun } from './results.ts';

const page =
  '<!doctype html><title>gatefold parity</title>' +
  '<script type="module" src="/cli/parity/client-entry.js"></script>';

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function defer<T>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => undefined;
  let reject: Deferred<T>['reject'] = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  // A failure that nobody waits for yet is told to the next call that does.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/** The built package, which pages and Deno load as it is, file by file. */
export function findBuiltPackage(): string {
  const isSource = import.meta.url.endsWith('.ts');
  const folder = fileURLToPath(new URL(isSource ? '../../../dist/' : '../../', import.meta.url));
  if (existsSync(join(folder, 'cli', 'parity', 'client-entry.js'))) return folder;
  throw new OptionError(
    `${folder} does not hold the built package, which other runtimes load. Build it: npm run build`,
  );
}

/**
 * Hands cases to another runtime over http on 127.0.0.1, one at a time, and takes back the results. The
 * expected tensors never leave this process. Also serves the built package to a page.
 */
export class CaseServer {
  readonly #root = normalize(findBuiltPackage() + sep);
  readonly #settings: ClientSettings;
  readonly #server: Server;
  readonly #ready = defer<string>();
  #current: { name: string; bytes: Uint8Array; result: Deferred<CaseRun> } | undefined;
  #waiting: ServerResponse | undefined;
  #failure: Error | undefined;

  constructor(settings: ClientSettings) {
    this.#settings = settings;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: Error) => {
        response.writeHead(500).end(error.message);
        this.fail(error);
      });
    });
  }

  /** Starts to listen. @returns the address, ending with a slash. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** The client's adapter, once it has opened its device. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  /** Has the client run a case. One at a time. */
  run(parsed: ParityCase, bytes: Uint8Array): Promise<CaseRun> {
    if (this.#failure) return Promise.reject(this.#failure);
    const { name } = parsed;
    this.#current = { name, bytes: stripCaseFile(bytes, parsed), result: defer() };
    this.#handOut();
    return this.#current.result.promise;
  }

  /** Tells everyone who waits that the client is gone. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#ready.reject(this.#failure);
    this.#current?.result.reject(this.#failure);
  }

  async close(): Promise<void> {
    this.#waiting?.writeHead(204).end();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #handOut(): void {
    if (!this.#waiting || !this.#current) return;
    const headers = { 'x-case': encodeURIComponent(this.#current.name) };
    this.#waiting.writeHead(200, headers).end(this.#current.bytes);
    this.#waiting = undefined;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    switch (`${request.method} ${pathname}`) {
      case 'GET /':
        response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
        return;
      case 'GET /settings':
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(this.#settings));
        return;
      case 'GET /next':
        this.#waiting = response;
        this.#handOut();
        return;
      case 'POST /ready':
        this.#ready.resolve((await readBody(request)).toString());
        break;
      case 'POST /failure':
        this.fail(new DeviceError((await readBody(request)).toString()));
        break;
      case 'POST /result': {
        const { result } = this.#current ?? {};
        this.#current = undefined;
        result?.resolve(decodeCaseRun(await readBody(request)));
        break;
      }
      default:
        this.#serveFile(pathname, response);
        return;
    }
    response.writeHead(204).end();
  }

  #serveFile(pathname: string, response: ServerResponse): void {
    const file = normalize(join(this.#root, decodeURIComponent(pathname)));
    if (!file.startsWith(this.#root) || !file.endsWith('.js') || !existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('content-type', 'text/javascript; charset=utf-8');
    createReadStream(file).pipe(response);
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
