import { createReadStream, createWriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { type ExtractOptions, extract } from 'tar-fs';
import { DeviceError } from '../errors.ts';
import { fillCacheFolder } from './cache-folder.ts';

/** SwiftShader on disk, and how the Vulkan loader is told of it. */
export interface SoftwareAdapterFiles {
  readonly folder: string;
  /** Path of a Vulkan loader, for systems that have none. */
  readonly loader: string;
  /** Environment that makes a Vulkan loader take SwiftShader and no other driver. */
  readonly driver: Readonly<Record<string, string>>;
}

/** A headless Chromium on disk. */
export interface ChromiumFiles {
  readonly executable: string;
  /** Environment with which it starts on a system without NSS, NSPR, expat and fonts. */
  readonly environment: Readonly<Record<string, string>>;
}

interface ChromiumPackage {
  readonly folder: string;
  readonly version: string;
}

/**
 * SwiftShader out of the npm package `@sparticuz/chromium`, extracted once per version into the
 * cache folder.
 *
 * @throws {DeviceError} on platforms it is not built for, and where the package is not installed.
 */
export async function extractSoftwareAdapter(): Promise<SoftwareAdapterFiles> {
  const { folder: source, version } = findPackage('a software adapter');
  const folder = await fillCacheFolder({
    name: `swiftshader-${version}`,
    files: ['libvk_swiftshader.so', 'libvulkan.so.1', 'vk_swiftshader_icd.json'],
    fill: (target) => unpack(join(source, 'swiftshader.tar.br'), target),
  });
  const icd = join(folder, 'vk_swiftshader_icd.json');
  return {
    folder,
    loader: join(folder, 'libvulkan.so.1'),
    driver: { VK_DRIVER_FILES: icd, VK_ICD_FILENAMES: icd },
  };
}

/**
 * The headless Chromium of the npm package `@sparticuz/chromium` with its libraries and fonts,
 * extracted once per version into the cache folder (about 190 MB).
 *
 * @throws {DeviceError} on platforms it is not built for, and where the package is not installed.
 */
export async function extractChromium(): Promise<ChromiumFiles> {
  const { folder: source, version } = findPackage('Chromium');
  const folder = await fillCacheFolder({
    name: `chromium-${version}-fonts`,
    files: ['chromium', 'libvk_swiftshader.so', 'lib/libnss3.so', 'fonts.conf'],
    fill: async (target) => {
      await Promise.all([
        pipeline(
          createReadStream(join(source, 'chromium.br')),
          createBrotliDecompress(),
          createWriteStream(join(target, 'chromium'), { mode: 0o755 }),
        ),
        unpack(join(source, 'swiftshader.tar.br'), target),
        unpack(join(source, 'al2023.tar.br'), target),
        unpack(join(source, 'fonts.tar.br'), join(target, 'fonts')),
        writeFile(join(target, 'fonts.conf'), fontConfiguration),
      ]);
    },
  });
  return {
    executable: join(folder, 'chromium'),
    environment: {
      LD_LIBRARY_PATH: join(folder, 'lib'),
      FONTCONFIG_PATH: folder,
    },
  };
}

function findPackage(wanted: string): ChromiumPackage {
  const platform = `${process.platform} ${process.arch}`;
  if (platform !== 'linux x64') {
    throw new DeviceError(
      `${wanted}: the package @sparticuz/chromium is built for linux x64, this is ${platform}. ` +
        "Use the GPU of this machine (adapter: 'hardware') or an installed browser.",
    );
  }
  const require = createRequire(import.meta.url);
  try {
    const folder = join(dirname(require.resolve('@sparticuz/chromium')), '..', '..');
    const { version } = require(join(folder, 'package.json')) as { version: string };
    return { folder: join(folder, 'bin'), version };
  } catch (cause) {
    throw new DeviceError(
      `${wanted}: the package @sparticuz/chromium is not installed. ` +
        'Install it: npm install @sparticuz/chromium',
      { cause },
    );
  }
}

/**
 * Where the fonts lie. The package's own file names folders of another system; without any font a page with
 * form controls ends the renderer.
 */
const fontConfiguration = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
`;

/** The archives' owners mean nothing here, and setting them fails inside user namespaces. */
const unpackOptions: ExtractOptions & { readonly chown: boolean } = { chown: false };

async function unpack(archive: string, target: string): Promise<void> {
  const files = extract(target, unpackOptions);
  await pipeline(createReadStream(archive), createBrotliDecompress(), files);
}
