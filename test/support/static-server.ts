import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';

/** A folder served over http. */
export interface StaticServer {
  /** Ends with a slash. Pages from it are a secure context, as WebGPU wants. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

/**
 * Serves a folder on 127.0.0.1, on a free port.
 *
 * @param pages - Texts that are served as if they were files, by path, e.g. `/index.html`.
 */
export async function serveFolder(
  folder: string,
  pages: Readonly<Record<string, string>> = {},
): Promise<StaticServer> {
  const root = normalize(folder + sep);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://127.0.0.1');
    const path = decodeURIComponent(pathname.endsWith('/') ? `${pathname}index.html` : pathname);
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream');
    const page = pages[path];
    if (page !== undefined) {
      response.end(page);
      return;
    }
    const file = normalize(join(root, path));
    const found = file.startsWith(root) && (await stat(file).catch(() => undefined))?.isFile();
    if (found) createReadStream(file).pipe(response);
    else response.writeHead(404).end(`${path} is not here`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
