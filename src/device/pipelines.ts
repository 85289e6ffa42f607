import { type DeviceError, ShaderError } from '../errors.ts';
import type {
  BindingDescription,
  KernelDescription,
  PartDescription,
} from '../kernels/description.ts';
import { joinKernel } from '../kernels/join.ts';
import type { DeviceCore } from './core.ts';
import { shaderStageCompute } from './flags.ts';

/** A kernel with everything that specialises it. */
export interface KernelUse {
  readonly kernel: KernelDescription;
  readonly cell?: PartDescription | undefined;
  readonly constants: Readonly<Record<string, number | boolean>>;
}

/** What of a binding decides about its layout. */
export type BindingLayout = Pick<BindingDescription, 'binding' | 'kind' | 'access'>;

/** A complete WGSL module with the entry point `main`. */
export interface CodeUse {
  readonly name: string;
  readonly code: string;
  readonly groups: readonly (readonly BindingLayout[])[];
}

/** WGSL to be built, and what errors call it. */
interface ShaderCode extends CodeUse {
  readonly title: string;
  readonly entryPoint: string;
}

/** A kernel ready to run: its pipeline and the layout of each of its bind groups. */
export interface BuiltKernel {
  readonly pipeline: GPUComputePipeline;
  readonly layouts: readonly GPUBindGroupLayout[];
}

interface JoinedKernel {
  readonly code: string;
  readonly key: string;
}

/** Pipelines of one device, each built once for its joined code and its bindings. */
export class PipelineCache {
  readonly #core: DeviceCore;
  /** By kernel, then by cell or the kernel itself, then by constants. */
  readonly #joined = new WeakMap<KernelDescription, WeakMap<object, Map<string, JoinedKernel>>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #built = new Map<string, Promise<BuiltKernel>>();

  constructor(core: DeviceCore) {
    this.#core = core;
  }

  /**
   * @param label - Path of the launch that wants it, for error messages.
   * @throws {ShaderError} with line, column and source line if the WGSL does not compile.
   */
  build(use: KernelUse, label: string): Promise<BuiltKernel> {
    const { code, key } = this.#join(use);
    return this.#once(key, () => {
      const { name, entryPoint } = use.kernel;
      const groups = describeGroups(use.kernel);
      return this.#create({ name, title: nameUse(use), entryPoint, code, groups }, label);
    });
  }

  #join(use: KernelUse): JoinedKernel {
    let byCell = this.#joined.get(use.kernel);
    if (!byCell) {
      byCell = new WeakMap();
      this.#joined.set(use.kernel, byCell);
    }
    const part = use.cell ?? use.kernel;
    let variants = byCell.get(part);
    if (!variants) {
      variants = new Map();
      byCell.set(part, variants);
    }
    const variant = JSON.stringify(use.constants);
    let joined = variants.get(variant);
    if (!joined) {
      const { code } = joinKernel(use);
      const bindings = describeGroups(use.kernel).map(describeLayout);
      joined = { code, key: `${use.kernel.entryPoint}\n${bindings.join('\n')}\n${code}` };
      variants.set(variant, joined);
    }
    return joined;
  }

  /**
   * @throws {ShaderError} with line, column and source line if the WGSL does not compile.
   */
  buildCode({ name, code, groups }: CodeUse): Promise<BuiltKernel> {
    const key = `${groups.map(describeLayout).join('\n')}\n${code}`;
    return this.#once(key, () =>
      this.#create({ name, title: `'${name}'`, entryPoint: 'main', code, groups }, name),
    );
  }

  #once(key: string, create: () => Promise<BuiltKernel>): Promise<BuiltKernel> {
    let built = this.#built.get(key);
    if (!built) {
      built = create();
      this.#built.set(key, built);
      // Whoever waits for it throws; nobody does once another kernel of the plan has failed.
      built.catch(() => this.#built.delete(key));
    }
    return built;
  }

  async #create(source: ShaderCode, label: string): Promise<BuiltKernel> {
    const { gpu } = this.#core;
    const { name, title, entryPoint, code } = source;
    const layouts = source.groups.map((bindings) => this.#layout(name, bindings));
    gpu.pushErrorScope('validation');
    const module = gpu.createShaderModule({ label: name, code });
    const compiled = gpu.popErrorScope();
    const layout = gpu.createPipelineLayout({ label: name, bindGroupLayouts: layouts });
    const pipeline = gpu.createComputePipelineAsync({
      label: name,
      layout,
      compute: { module, entryPoint },
    });
    this.#core.rest(pipeline);
    const [error, outcome] = await Promise.all([
      compiled,
      pipeline.then(
        (value) => ({ value }),
        (reason: unknown) => ({ reason }),
      ),
    ]);
    if (error) throw await explainShader(module, source, label, error.message);
    if ('value' in outcome) return { pipeline: outcome.value, layouts };
    this.#core.assertAlive(`build pipeline of kernel '${name}' for launch '${label}'`);
    const reason = outcome.reason instanceof Error ? outcome.reason.message : outcome.reason;
    throw new ShaderError(
      `launch '${label}': kernel ${title} does not make a pipeline: ${String(reason).trim()}`,
      { cause: outcome.reason },
    );
  }

  #layout(label: string, bindings: readonly BindingLayout[]): GPUBindGroupLayout {
    const key = describeLayout(bindings);
    let layout = this.#layouts.get(key);
    if (!layout) {
      const entries = bindings.map((binding) => ({
        binding: binding.binding,
        visibility: shaderStageCompute,
        buffer: { type: bufferType(binding) },
      }));
      layout = this.#core.gpu.createBindGroupLayout({ label, entries });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}

/** A binding with its name in the WGSL. */
export type NamedBinding = BindingDescription & { readonly name: string };

/** A kernel's bindings by group; a group that it skips is empty. */
export function describeGroups(kernel: KernelDescription): readonly (readonly NamedBinding[])[] {
  const known = described.get(kernel);
  if (known) return known;
  const groups: NamedBinding[][] = [];
  for (const [name, binding] of Object.entries(kernel.bindings)) {
    while (groups.length <= binding.group) groups.push([]);
    groups[binding.group]?.push({ ...binding, name });
  }
  described.set(kernel, groups);
  return groups;
}

/** Those of the kernels seen so far: a plan has many launches of each. */
const described = new WeakMap<KernelDescription, readonly (readonly NamedBinding[])[]>();

function describeLayout(bindings: readonly BindingLayout[]): string {
  return bindings.map((binding) => `${binding.binding}:${bufferType(binding)}`).join(' ');
}

function bufferType({ kind, access }: BindingLayout): GPUBufferBindingType {
  if (kind === 'uniform') return 'uniform';
  return access === 'read' ? 'read-only-storage' : 'storage';
}

function nameUse({ kernel, cell }: KernelUse): string {
  return cell === undefined ? `'${kernel.name}'` : `'${kernel.name}' joined with '${cell.name}'`;
}

async function explainShader(
  module: GPUShaderModule,
  { code, title }: ShaderCode,
  label: string,
  fallback: string,
): Promise<DeviceError> {
  const start = `launch '${label}': kernel ${title} does not compile: `;
  const info = await module.getCompilationInfo();
  const message = info.messages?.find(({ type }) => type === 'error');
  // wgpu lists no messages; its error text quotes the line by itself.
  if (!message) return new ShaderError(start + fallback.trim());
  const { lineNum, linePos } = message;
  const line = code.split('\n')[lineNum - 1] ?? '';
  const margin = `${lineNum} | `;
  return new ShaderError(
    `${start}line ${lineNum}, column ${linePos}: ${message.message}\n` +
      `${margin}${line}\n${' '.repeat(margin.length + Math.max(0, linePos - 1))}^`,
  );
}
