/**
 * The arrows between the rooms of src/: which folder may import which.
 * `scripts/check-arrows.mjs` runs these rules and fails as well when it saw no modules.
 */

/** A path expression for the given folders of src/ (or single files, written with their ending). */
const rooms = (...names) =>
  `^src/(${names.map((name) => (name.endsWith('.ts') ? name.replace('.', '\\.') : `${name}/`)).join('|')})`;

/** `from` may not import any of the rooms in `to`. */
const forbid = (from, to, comment) => ({
  name: `${from}-imports`,
  comment,
  severity: 'error',
  from: { path: rooms(from) },
  to: { path: rooms(...to) },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Modules that import each other at run time cannot be read one at a time.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'not-resolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'device-has-few-users',
      comment:
        'Only training, tuning, cli and the public index touch a GPUDevice; the rest is plain data.',
      severity: 'error',
      from: { path: '^src/', pathNot: rooms('device', 'tuning', 'training', 'cli', 'index.ts') },
      to: { path: rooms('device') },
    },
    {
      name: 'errors-import-nothing',
      comment: 'Every room throws these, so they know no room.',
      severity: 'error',
      from: { path: rooms('errors.ts') },
      to: { path: '.' },
    },
    {
      name: 'cells-import-nothing-above',
      comment: 'A cell knows one time step: other cells and the errors are all it may read.',
      severity: 'error',
      from: { path: rooms('cells') },
      to: { path: '^src/', pathNot: '^src/(cells/|[^/]+\\.ts$)' },
    },
    {
      name: 'kernels-are-descriptions',
      comment: 'Kernels are plain data: of the other rooms they know the shape of a plan only.',
      severity: 'error',
      from: { path: rooms('kernels') },
      to: { path: '^src/', pathNot: '^src/(kernels/|schedule/plan\\.ts$|[^/]+\\.ts$)' },
    },
    {
      name: 'reference-reads-graph-ops-cells',
      comment: 'The reference shares no arithmetic with kernels, schedule or device.',
      severity: 'error',
      from: { path: rooms('reference') },
      to: { path: '^src/', pathNot: '^src/(reference/|graph/|ops/|cells/|[^/]+\\.ts$)' },
    },
    forbid(
      'graph',
      ['ops', 'layers', 'schedule', 'reference', 'tuning', 'training', 'interop', 'cli'],
      'The graph knows the operator interface, not the operators or what becomes of them.',
    ),
    forbid(
      'ops',
      ['layers', 'reference', 'tuning', 'training', 'interop', 'cli'],
      'An operator knows kernels as descriptions only.',
    ),
    forbid(
      'layers',
      ['schedule', 'kernels', 'reference', 'tuning', 'training', 'interop', 'cli'],
      'Layers build a graph of operators and know nothing of how it runs.',
    ),
    forbid(
      'schedule',
      ['layers', 'reference', 'tuning', 'training', 'interop', 'cli'],
      'The scheduler turns a graph into a plan: plain data.',
    ),
    forbid(
      'device',
      ['graph', 'ops', 'layers', 'reference', 'tuning', 'training', 'interop', 'cli'],
      'The device replays plans and does not know what they compute.',
    ),
    forbid(
      'interop',
      ['schedule', 'kernels', 'tuning', 'training', 'cli'],
      'File formats read and write tensors by name.',
    ),
    forbid(
      'tuning',
      ['layers', 'training', 'interop', 'cli'],
      'Tuning measures kernels one at a time and does not know what they are part of.',
    ),
    forbid('training', ['cli'], 'The command uses the library, not the other way round.'),
    {
      name: 'nothing-imports-the-index',
      comment: 'src/index.ts only exports; importing it from inside makes cycles.',
      severity: 'error',
      from: { path: '^src/', pathNot: rooms('cli') },
      to: { path: rooms('index.ts') },
    },
    {
      name: 'src-stands-alone',
      comment: 'The package ships src and nothing else of the repository.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|demo|scripts)/' },
    },
    {
      name: 'no-development-dependencies',
      comment: 'A development dependency is absent where the package is installed.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm-peer', 'npm-optional', 'type-only'],
      },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
