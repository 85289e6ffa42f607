import { type Assembly, assembleShader } from '../../../src/kernels/assemble.ts';

type Values = Readonly<Record<string, number | boolean>>;

/** Joins a kernel written in a test. Its path in errors is `shaders/kernels/test.wgsl`. */
export function assemble(source: string, constants: Values = {}, rest: Partial<Assembly> = {}) {
  const kernel = { name: 'kernels/test', source };
  return assembleShader({ kernel, parts: {}, constants, ...rest }).code;
}

/** A kernel whose entry point has the given body, behind the given declarations. */
export function kernelOf(body: string, declarations = ''): string {
  return `${declarations}
@group(0) @binding(0) var<storage, read_write> data: array<f32>;
@compute @workgroup_size(1)
fn main() {
${body}
}
`;
}

/** Body of the entry point after joining: its statements, one per line, without indentation. */
export function expandBody(body: string, declarations = '', constants: Values = {}): string[] {
  const code = assemble(kernelOf(body, declarations), constants);
  const start = code.indexOf('fn main() {') + 'fn main() {'.length;
  const lines = code.slice(start, code.lastIndexOf('}')).split('\n');
  return lines.map((line) => line.trim()).filter((line) => line !== '');
}

/** A register-tiled matrix product with a bias and an optional activation, as the project writes them. */
export const tiledMatmul = `//! join lib/activations
// C = act(A·B + bias). Dispatch: one thread per tile of rows × columns.
const rows: u32 = 4u; // specialize
const columns: u32 = 2u; // specialize
const k_unroll: u32 = 4u; // specialize
const has_activation: bool = false; // specialize

struct Sizes {
  m: u32,
  n: u32,
  k: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> sizes: Sizes;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let first_row = group.y * rows;
  let first_column = group.x * columns;
  var acc: array<f32, rows * columns>; // registers
  for (var n = 0u; n < columns; n++) { // unroll
    for (var r = 0u; r < rows; r++) { // unroll
      acc[r * columns + n] = bias[first_column + n];
    }
  }
  for (var k = 0u; k < sizes.k; k += k_unroll) {
    for (var kk = 0u; kk < k_unroll; kk++) { // unroll
      var left: array<f32, rows>; // registers
      for (var r = 0u; r < rows; r++) { // unroll
        left[r] = a[(first_row + r) * sizes.k + k + kk];
      }
      for (var n = 0u; n < columns; n++) { // unroll
        let right = b[(k + kk) * sizes.n + first_column + n];
        for (var r = 0u; r < rows; r++) { // unroll
          acc[r * columns + n] += left[r] * right;
        }
      }
    }
  }
  for (var r = 0u; r < rows; r++) { // unroll
    for (var n = 0u; n < columns; n++) { // unroll
      let index = r * columns + n;
      let at = (first_row + r) * sizes.n + first_column + n;
      if (has_activation) { // static
        c[at] = relu(acc[index]) * sizes.scale;
      } else {
        c[at] = acc[index] * sizes.scale;
      }
    }
  }
}
`;

/** The library part that {@link tiledMatmul} joins. */
export const activations = {
  name: 'lib/activations',
  source: `fn relu(x: f32) -> f32 {
  return max(x, 0.0);
}
fn unused(x: f32) -> f32 {
  return x;
}
`,
};

/**
 * Runs the entry point of a simple kernel in JavaScript, thread by thread. It knows just the WGSL of
 * {@link tiledMatmul}: unsigned numbers without division, f32 arrays, no barriers.
 */
export function runInJavaScript(
  code: string,
  bindings: Readonly<Record<string, unknown>>,
  groups: readonly { readonly x: number; readonly y: number }[],
): void {
  const script = code
    .replace(/\/\/[^\n]*/g, '')
    .replace(/struct \w+ \{[^}]*\}|@group[^;]*;|@compute @workgroup_size\(\w+\)/g, '')
    .replace(/fn main\(.*\)/, 'function main(group)')
    .replace(/fn (\w+)\((\w+): f32\) -> f32/g, 'function $1($2)')
    .replace(/\blet\b/g, 'const')
    .replace(/\bvar (\w+): array<f32, ([^>]+)>;/g, 'let $1 = new Float64Array($2);')
    .replace(/\bvar (\w+) = f32\(\);/g, 'let $1 = 0;')
    .replace(/\bvar\b/g, 'let')
    .replace(/\bconst (\w+): (?:u32|bool) =/g, 'const $1 =')
    .replace(/\b(\d+)u\b/g, '$1');
  const names = Object.keys(bindings);
  const run = new Function('groups', 'max', ...names, `${script}\ngroups.forEach(main);`);
  run(groups, Math.max, ...names.map((name) => bindings[name]));
}
