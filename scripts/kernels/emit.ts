import type { KernelDescription, PartDescription } from '../../src/kernels/description.ts';

const header = `// Generated from shaders/ by 'npm run generate'. Do not edit.\n`;

/** `recurrence-forward` as `recurrenceForward`. */
export function camelCase(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Module of one kernel. */
export function kernelModule(description: KernelDescription): string {
  const { source, ...rest } = description;
  return [
    header,
    `import type { KernelDescription } from '../description.ts';\n\n`,
    `export const ${camelCase(description.name)} = `,
    writeObject({ ...rest, source }, ''),
    ` as const satisfies KernelDescription;\n`,
  ].join('');
}

/** Module of the library parts and the cells. */
export function partsModule(
  libraries: readonly PartDescription[],
  cells: readonly PartDescription[],
): string {
  const cellName = ({ name }: PartDescription) => name.slice(name.indexOf('/') + 1);
  return [
    header,
    `import type { PartDescription } from '../description.ts';\n\n`,
    `/** Library parts by the name that \`//! join\` uses. */\n`,
    `export const parts: Record<string, PartDescription> = `,
    writeObject(Object.fromEntries(libraries.map((part) => [part.name, part])), ''),
    `;\n\n`,
    `/** Cells by name. */\n`,
    `export const cellParts: Record<string, PartDescription> = `,
    writeObject(Object.fromEntries(cells.map((part) => [cellName(part), part])), ''),
    `;\n`,
  ].join('');
}

/** Module that gathers the kernels. */
export function indexModule(names: readonly string[]): string {
  const imports = names.map((name) => `import { ${camelCase(name)} } from './${name}.ts';\n`);
  const entries = names.map((name) => {
    const variable = camelCase(name);
    return variable === name ? `  ${name},\n` : `  '${name}': ${variable},\n`;
  });
  const exported = names.map((name) => `  ${camelCase(name)},\n`);
  return [
    header,
    ...imports,
    `\nexport { cellParts, parts } from './parts.ts';\n`,
    names.length > 0 ? `export {\n${exported.join('')}};\n` : '',
    `\n/** Every kernel by name. */\n`,
    names.length > 0 ? `export const kernels = {\n${entries.join('')}} as const;\n` : '',
    names.length > 0 ? '' : `export const kernels = {} as const;\n`,
    `\nexport type KernelName = keyof typeof kernels;\n`,
  ].join('');
}

function writeObject(value: object, indent: string): string {
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const inner = `${indent}  `;
  const lines = entries.map(([key, item]) => {
    const name = /^[A-Za-z_]\w*$/.test(key) ? key : `'${key}'`;
    return `${inner}${name}: ${writeValue(item, inner, key)},\n`;
  });
  return `{\n${lines.join('')}${indent}}`;
}

function writeValue(value: unknown, indent: string, key: string): string {
  if (typeof value === 'string') {
    return key === 'source' ? writeTemplate(value) : `'${value}'`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => `'${item}'`).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (!('offsetBytes' in value)) return writeObject(value, indent);
  const fields = Object.entries(value).map(([name, item]) => {
    return `${name}: ${typeof item === 'string' ? `'${item}'` : item}`;
  });
  return `{ ${fields.join(', ')} }`;
}

function writeTemplate(text: string): string {
  return `\`${text.replace(/[`\\]|\$\{/g, '\\$&')}\``;
}
