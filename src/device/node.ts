import { mkdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { DeviceError } from '../errors.ts';
import { type AdapterChoice, isSoftwareAdapter } from './adapter.ts';
import { cacheFolder } from './cache-folder.ts';
import { extractSoftwareAdapter } from './software-package.ts';

type Dawn = typeof import('webgpu');

/**
 * Dawn's instances. Held for as long as the process lives: Dawn crashes when one is collected while
 * anything made through it still runs. An instance that found no adapter never finds one later, so
 * only those that did are kept.
 */
const instances = new Map<'system' | 'software', GPU>();

/** Timestamps are rounded to 100 µs otherwise. */
const dawnOptions = ['disable-dawn-features=timestamp_quantization'];

/** glibc's flag, which Node does not list: stay in memory though Node closes it again. */
const RTLD_NODELETE = 0x1000;

/** False once it is known that there is none; asking Dawn again only repeats its warnings. */
let systemHasAdapter = true;

let lastRequest: Promise<unknown> = Promise.resolve();

/**
 * An adapter through Dawn: the system's own, else SwiftShader.
 * Requests run one after another, since the Vulkan loader is steered by environment variables.
 *
 * @throws {DeviceError} if `webgpu` is not installed or no adapter of the kind is found.
 */
export function requestNodeAdapter(
  choice: AdapterChoice,
  preference: GPURequestAdapterOptions,
): Promise<GPUAdapter> {
  const request = lastRequest.then(() => chooseAdapter(choice, preference));
  lastRequest = request.catch(() => undefined);
  return request;
}

async function chooseAdapter(
  choice: AdapterChoice,
  preference: GPURequestAdapterOptions,
): Promise<GPUAdapter> {
  const dawn = await importDawn();
  let system: GPUAdapter | null = null;
  if (choice !== 'software' || process.platform !== 'linux') {
    system = await requestSystemAdapter(dawn, {
      ...preference,
      ...(choice === 'software' ? { forceFallbackAdapter: true } : {}),
    });
    if (system && isSoftwareAdapter(system.info) === (choice === 'software')) return system;
  }
  if (choice === 'hardware') {
    const found = system ? `only '${system.info.description}', a software one` : 'none';
    throw new DeviceError(
      `requestDevice: asked for a hardware adapter, found ${found}. Install the GPU's driver ` +
        `(on Linux with its Vulkan part), or ask for adapter: 'software'.`,
    );
  }
  try {
    return await requestSoftwareAdapter(dawn, preference);
  } catch (error) {
    if (system) return system;
    throw error;
  }
}

async function importDawn(): Promise<Dawn> {
  try {
    return await import('webgpu');
  } catch (cause) {
    const code = (cause as { code?: string }).code;
    throw new DeviceError(
      code === 'ERR_MODULE_NOT_FOUND'
        ? "requestDevice: the package 'webgpu' (Dawn, WebGPU for Node) is not installed. " +
            'Install it: npm install webgpu'
        : `requestDevice: the package 'webgpu' does not load on ${process.platform} ` +
            `${process.arch} (${String(cause)}). It needs glibc on Linux; reinstall it for this ` +
            'platform: npm install webgpu',
      { cause },
    );
  }
}

async function requestSystemAdapter(
  dawn: Dawn,
  request: GPURequestAdapterOptions,
): Promise<GPUAdapter | null> {
  systemHasAdapter &&= process.platform !== 'linux' || loadLibrary('libvulkan.so.1');
  if (!systemHasAdapter) return null;
  const adapter = await requestFrom('system', dawn, request);
  systemHasAdapter = adapter !== null;
  return adapter;
}

async function requestSoftwareAdapter(
  dawn: Dawn,
  preference: GPURequestAdapterOptions,
): Promise<GPUAdapter> {
  const files = await extractSoftwareAdapter();
  if (!loadLibrary('libvulkan.so.1')) loadLibrary(files.loader);
  const saved = new Map(Object.keys(files.driver).map((name) => [name, process.env[name]]));
  Object.assign(process.env, files.driver);
  try {
    const adapter = await requestFrom('software', dawn, preference);
    if (adapter && isSoftwareAdapter(adapter.info)) return adapter;
    throw new DeviceError(
      `requestDevice: SwiftShader in ${files.folder} gave ${adapter ? adapter.info.description : 'no adapter'}. ` +
        'Delete that folder so that it is extracted again, and reinstall @sparticuz/chromium.',
    );
  } finally {
    for (const [name, value] of saved) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

async function requestFrom(
  source: 'system' | 'software',
  dawn: Dawn,
  request: GPURequestAdapterOptions,
): Promise<GPUAdapter | null> {
  const instance = instances.get(source) ?? dawn.create(dawnOptions);
  const adapter = await instance.requestAdapter(request);
  if (adapter) instances.set(source, instance);
  return adapter;
}

/**
 * Loads a shared library for good, so that Dawn finds it by its name. Whether it is there shows in
 * the error: Node always throws, as the library is no addon, but in other words when there is none.
 */
function loadLibrary(path: string): boolean {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
    return true;
  } catch (error) {
    return String(error).includes('did not self-register');
  }
}

/** Writes a file whole or not at all: to a temporary file beside it, synced, then renamed. */
export async function writeFileWhole(path: string, bytes: Uint8Array): Promise<void> {
  const { default: writeFileAtomic } = await import('write-file-atomic');
  await writeFileAtomic(path, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** Where a file lies that is kept between runs. */
export function cachePath(name: string): string {
  return join(cacheFolder(), name);
}

/** The text of a file of {@link cachePath}; undefined if there is none. */
export async function readCached(name: string): Promise<string | undefined> {
  try {
    return await readFile(cachePath(name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes a file of {@link cachePath}, whole or not at all. */
export async function writeCached(name: string, text: string): Promise<void> {
  await mkdir(cacheFolder(), { recursive: true });
  await writeFileWhole(cachePath(name), new TextEncoder().encode(text));
}
