import {
  ArrayInfo,
  StructInfo,
  type TypeInfo,
  type VariableInfo,
  WgslReflect,
} from 'wgsl_reflect/wgsl_reflect.module.js';
import { ShaderError } from '../../src/errors.ts';
import type { BindingDescription, StructLayout } from '../../src/kernels/description.ts';
import type { Declaration, ShaderModule } from '../../src/kernels/module.ts';

/**
 * Bindings of a WGSL module, in the order of group and binding.
 *
 * @param where - Names the kernel in errors.
 * @param declarations - The whole module, expanded or not.
 * @param module - The module before expansion, for the types as they are written.
 * @throws {ShaderError} for text that does not parse, two bindings in one place, resources that
 *   are no buffers, and layouts that depend on a launch.
 */
export function reflectBindings(
  where: string,
  declarations: readonly Declaration[],
  module: ShaderModule,
): Record<string, BindingDescription> {
  const reflection = parse(where, declarations);
  const others = [...reflection.textures, ...reflection.samplers];
  if (others[0] !== undefined) {
    throw new ShaderError(`${where}: '${others[0].name}' is no buffer. Kernels bind buffers only.`);
  }
  const variables = [...reflection.uniforms, ...reflection.storage];
  variables.sort((a, b) => a.group - b.group || a.binding - b.binding);
  const bindings: Record<string, BindingDescription> = {};
  let previous: VariableInfo | undefined;
  for (const variable of variables) {
    const { name, group, binding } = variable;
    if (previous?.group === group && previous.binding === binding) {
      const place = `@group(${group}) @binding(${binding})`;
      throw new ShaderError(`${where}: '${previous.name}' and '${name}' are both at ${place}.`);
    }
    previous = variable;
    bindings[name] = describeBinding(where, variable, module, reflection);
  }
  return bindings;
}

/**
 * Parses everything but the bodies of functions: no binding depends on them, and wgsl_reflect 1.6
 * refuses valid ones, such as those with a variable named `block`.
 */
function parse(where: string, declarations: readonly Declaration[]): WgslReflect {
  const texts = declarations.map(({ file, start, end, kind }) => {
    const tokens = file.tokens.slice(start, end);
    const body = kind === 'fn' ? tokens.findIndex(({ text }) => text === '{') : tokens.length;
    const text = tokens.slice(0, body).map((token) => token.before + token.text);
    return `${text.join('')}${kind === 'fn' ? ' {}' : ''}\n`;
  });
  try {
    return new WgslReflect(texts.join(''));
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new ShaderError(`${where}: WGSL does not parse: ${cause}`, { cause: error });
  }
}

function describeBinding(
  where: string,
  variable: VariableInfo,
  module: ShaderModule,
  reflection: WgslReflect,
): BindingDescription {
  const { name, group, binding, access, type } = variable;
  if (access !== 'read' && access !== 'read_write') {
    throw new ShaderError(
      `${where}: '${name}' has access '${access}', expected read or read_write.`,
    );
  }
  const layout = (info: TypeInfo | null) => {
    if (!(info instanceof StructInfo)) return undefined;
    refuseVaryingLayout(where, info.name, module);
    return structLayout(info);
  };
  const struct = layout(type);
  const element = type instanceof ArrayInfo ? layout(type.format) : undefined;
  const declaration = module.find(name);
  const kind = reflection.uniforms.includes(variable) ? 'uniform' : 'storage';
  const written = declaration === undefined ? type.getTypeName() : writtenType(declaration);
  return {
    group,
    binding,
    kind,
    access,
    type: written,
    ...(struct === undefined ? {} : { struct }),
    ...(element === undefined ? {} : { element }),
  };
}

/** Layout of a struct of known size; none where it ends in an array without a length. */
function structLayout(info: StructInfo): StructLayout | undefined {
  const last = info.members[info.members.length - 1];
  if (last?.type instanceof ArrayInfo && last.type.count === 0) return undefined;
  const fields: Record<string, StructLayout['fields'][string]> = {};
  for (const { name, offset, size, type } of info.members) {
    fields[name] = { offsetBytes: offset, sizeBytes: size, type: type.getTypeName() };
  }
  return { sizeBytes: info.size, fields };
}

/** The host packs structs by one layout, so no size in it may differ from launch to launch. */
function refuseVaryingLayout(where: string, struct: string, module: ShaderModule): void {
  const declaration = module.find(struct);
  if (declaration === undefined) return;
  const names = declaration.file.tokens.slice(declaration.start, declaration.end);
  const varying = names.find(({ text }) => module.find(text)?.specialized !== undefined);
  if (varying === undefined) return;
  const message = `layout of struct '${struct}' depends on '${varying.text}'`;
  throw new ShaderError(`${where}: ${message}, which each launch chooses. Give it a fixed size.`);
}

function writtenType({ file, keyword, end }: Declaration): string {
  const { tokens } = file;
  let at = keyword;
  while (at < end && tokens[at]?.text !== ':') at++;
  const type = tokens.slice(at + 1, end - 1);
  return type.map(({ before, text }, index) => (index > 0 && before ? ` ${text}` : text)).join('');
}
