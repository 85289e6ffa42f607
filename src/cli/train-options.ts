import { type Command, Option } from 'commander';
import { cells } from '../cells/registry.ts';
import { type PlanStrategy, type Precision, planStrategies } from '../graph/operator.ts';
import { optimizers } from '../training/optimizers.ts';
import {
  parseCellOption,
  parseCount,
  parseEmbedding,
  parseFraction,
  parseNonNegative,
  parseNumber,
  parsePositive,
  parseWhole,
} from './arguments.ts';
import { type DeviceChoice, makeDeviceOption } from './device-option.ts';
import { layerSettings, scheduleNames, type TrainSettings } from './train-settings.ts';
import { makeTuningOption } from './tuning-file.ts';

/** The flags of `train` as commander gives them. */
export interface TrainFlags {
  readonly text?: string;
  readonly heldOut: number;
  readonly batch: number;
  readonly sequence: number;
  readonly stateful: boolean;
  readonly cell: string;
  readonly hidden: number;
  readonly layers: number;
  readonly embedding: number | 'one-hot';
  readonly dropout: number;
  readonly inputDropout?: number;
  readonly recurrentDropout?: number;
  readonly weightDropout?: number;
  readonly zoneout?: number;
  readonly residual?: boolean;
  readonly layerNorm?: boolean;
  readonly forgetBias?: number;
  readonly recurrentInitializer?: string;
  readonly heads?: number;
  readonly steps: number;
  readonly timeLimit?: number;
  readonly optimizer: string;
  readonly learningRate?: number;
  readonly momentum?: number;
  readonly weightDecay?: number;
  readonly schedule: string;
  readonly scheduleSteps?: number;
  readonly warmUp: number;
  readonly clipNorm: number;
  readonly seed: number;
  readonly device?: DeviceChoice;
  readonly strategy?: PlanStrategy;
  readonly precision?: Precision;
  readonly checkpoint?: string;
  readonly saveEvery?: number;
  readonly resume?: string;
  readonly validate?: number;
  readonly explain?: boolean;
  readonly tuning?: string | true;
  readonly prompt?: string;
  readonly sampleEvery?: number;
  readonly sampleLength: number;
  readonly temperature: number;
}

/** Adam's rate where none is given: these models are small and training is short. */
const adamLearningRate = 0.01;

/** Options of all registered cells, with the cells that have them. */
export const cellOptionNames: ReadonlyMap<string, readonly string[]> = collectCellOptions();

function collectCellOptions(): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const { name, optionNames } of Object.values(cells)) {
    for (const option of optionNames) owners.set(option, [...(owners.get(option) ?? []), name]);
  }
  return owners;
}

/** The name of a cell option's flag, as commander stores it: another one where a setting of the run has the name. */
function cellFlag(option: string): string {
  const isTaken = (layerSettings as readonly string[]).includes(option);
  return isTaken ? `cell${option.charAt(0).toUpperCase()}${option.slice(1)}` : option;
}

/** What the values of known cell options mean; further cells' options are described by their owner. */
const cellOptionHelp: Readonly<Record<string, string>> = {
  candidate: 'the candidate as it is: linear, or made positive as in log space: positive (linear)',
  forget: 'forget gate a sigmoid or an exponential (sigmoid)',
  layerNorm: 'layer normalisation inside the cell: true (false)',
  nonlinearity: 'tanh or relu',
  reset: 'reset gate before or after the recurrent matmul (after)',
  update: 'whether z weighs the old state: keep, or the candidate: replace (keep)',
};

function toKebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

const group = (heading: string, ...options: Option[]): Option[] =>
  options.map((option) => option.helpGroup(heading));

function number(flags: string, description: string, parse: (text: string) => number): Option {
  return new Option(flags, description).argParser(parse);
}

/** Cells with a gate of this name. */
function cellsWith(gate: string): string {
  return Object.values(cells)
    .filter((cell) => cell.create({}).gates.includes(gate))
    .map(({ name }) => name)
    .join(', ');
}

function listCells(): string {
  return Object.values(cells)
    .map(({ name, summary }) => `${name} (${summary})`)
    .join(', ');
}

function makeOptions(): Option[] {
  return [
    ...group(
      'Data:',
      new Option('--text <file>', 'UTF-8 text to train on (default: Moby-Dick)'),
      number('--held-out <share>', 'share at the end kept for evaluation', parseFraction).default(
        0.05,
      ),
      number('--batch <n>', 'sequences side by side', parseCount).default(16),
      number('--bptt, --sequence <n>', 'time steps per training step', parseCount).default(32),
      new Option('--stateful', 'carry the state on to the next training step').default(true),
      new Option('--no-stateful', 'start every training step from the zero state'),
    ),
    ...group(
      'Model:',
      new Option('--cell <name>', listCells()).choices(Object.keys(cells)).default('lstm'),
      ...[...cellOptionNames].map(([name, owners]) =>
        new Option(
          `--${toKebab(cellFlag(name))} <value>`,
          `${owners.join(', ')}: ${cellOptionHelp[name] ?? `option ${name}`}`,
        ).argParser(parseCellOption),
      ),
      number('--hidden <n>', 'units per layer', parseCount).default(128),
      number('--layers <n>', 'stacked layers', parseCount).default(1),
      new Option('--embedding <n>', "width of learned character vectors, or 'one-hot'")
        .argParser(parseEmbedding)
        .default('one-hot'),
      number('--dropout <p>', 'rate after each layer while training', parseFraction).default(0),
      number('--input-dropout <p>', 'rate of inputs, one mask per sequence', parseFraction),
      number(
        '--recurrent-dropout <p>',
        'rate of h in W_hh h, one mask per sequence',
        parseFraction,
      ),
      number('--weight-dropout <p>', 'rate of recurrent weights, one mask per step', parseFraction),
      number('--zoneout <p>', 'probability that a unit keeps its state', parseFraction),
      new Option('--residual', 'layers above the first add their input to their output'),
      new Option('--layer-norm', 'layer normalisation behind the recurrent layers'),
      number('--forget-bias <x>', `${cellsWith('f')}: first value of the forget bias`, parseNumber),
      number('--heads <n>', 'groups of units that see only themselves', parseCount),
      new Option('--recurrent-initializer <name>', 'first recurrent weights').choices([
        'uniform',
        'orthogonal',
      ]),
    ),
    ...group(
      'Training:',
      number(
        '--steps <n>',
        'training steps in all, those before --resume included',
        parseCount,
      ).default(500),
      number('--time-limit <minutes>', 'stop after this time at the latest', parsePositive),
      new Option('--optimizer <name>', 'with PyTorch’s semantics')
        .choices(Object.keys(optimizers))
        .default('adam'),
      number(
        '--learning-rate <x>',
        `adam and adamw ${adamLearningRate} by default, others PyTorch’s`,
        parseNonNegative,
      ),
      number('--momentum <x>', 'sgd and rmsprop', parseNonNegative),
      number('--weight-decay <x>', 'as the optimizer defines it', parseNonNegative),
      new Option('--schedule <name>', 'curve of the learning rate')
        .choices([...scheduleNames])
        .default('cosine'),
      number('--schedule-steps <n>', 'length of the curve (default: --steps)', parseCount),
      number('--warm-up <n>', 'training steps of linear rise', parseWhole).default(0),
      number('--clip-norm <x>', 'largest gradient norm, 0 for any', parseNonNegative).default(1),
      number('--seed <n>', 'of first weights and dropout', parseWhole).default(1),
    ),
    ...group(
      'Device:',
      makeDeviceOption(),
      new Option('--strategy <name>', 'force how a step runs').choices([...planStrategies]),
      new Option(
        '--precision <name>',
        'how weights and activations are stored; f16 needs shader-f16 (default: f32)',
      ).choices(['f32', 'f16']),
      number('--validate <n>', 'repeat every nth step on the reference, compare', parseCount),
      new Option('--explain', 'print the plan of a training step'),
      makeTuningOption(),
    ),
    ...group(
      'Checkpoint:',
      new Option('--checkpoint <path>', 'where to save (default: checkpoints/<cell>.safetensors)'),
      number(
        '--save-every <n>',
        'save after every n training steps, not only at the end',
        parseCount,
      ),
      new Option('--resume <path>', 'go on exactly where this checkpoint stopped'),
    ),
    ...group(
      'Samples:',
      new Option('--prompt <text>', 'how samples begin (default: the text’s first words)'),
      number('--sample-every <n>', 'also sample after every n training steps', parseCount),
      number('--sample-length <n>', 'characters', parseCount).default(200),
      number('--temperature <x>', '0 takes the likeliest character', parseNonNegative).default(0.8),
    ),
  ];
}

/** Adds the flags of training to a command. */
export function addTrainOptions(command: Command): Command {
  for (const option of makeOptions()) command.addOption(option);
  return command;
}

/** Flag names, as commander stores them, that the user gave and that decide what a run computes. */
export function listGivenSettings(command: Command): string[] {
  const settings = new Set([
    ...['batch', 'sequence', 'heldOut', 'stateful', 'cell', 'hidden', 'layers', 'embedding'],
    ...layerSettings,
    ...['dropout', 'forgetBias', 'recurrentInitializer', 'heads', 'optimizer', 'learningRate'],
    ...[
      'momentum',
      'weightDecay',
      'schedule',
      'scheduleSteps',
      'warmUp',
      'clipNorm',
      'seed',
      'strategy',
      'precision',
    ],
    ...[...cellOptionNames.keys()].map((name) => cellFlag(name)),
  ]);
  return [...settings].filter((name) => command.getOptionValueSource(name) === 'cli');
}

/** The settings of a new run. */
export function readSettings(
  flags: TrainFlags,
  all: Readonly<Record<string, unknown>>,
): TrainSettings {
  const cellOptions = Object.fromEntries(
    [...cellOptionNames.keys()].flatMap((name) => {
      const value = all[cellFlag(name)];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const isAdam = flags.optimizer.startsWith('adam');
  const learningRate = flags.learningRate ?? (isAdam ? adamLearningRate : undefined);
  const { forgetBias, recurrentInitializer, heads, momentum, weightDecay, strategy, precision } =
    flags;
  return {
    batch: flags.batch,
    sequence: flags.sequence,
    heldOut: flags.heldOut,
    stateful: flags.stateful,
    cell: flags.cell,
    cellOptions,
    hidden: flags.hidden,
    layers: flags.layers,
    embedding: flags.embedding,
    dropout: flags.dropout,
    ...Object.fromEntries(
      layerSettings.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])),
    ),
    ...(forgetBias !== undefined && { forgetBias }),
    ...(recurrentInitializer !== undefined && { recurrentInitializer }),
    ...(heads !== undefined && { heads }),
    optimizer: flags.optimizer,
    ...(learningRate !== undefined && { learningRate }),
    ...(momentum !== undefined && { momentum }),
    ...(weightDecay !== undefined && { weightDecay }),
    schedule: flags.schedule,
    scheduleSteps: flags.scheduleSteps ?? flags.steps,
    warmUp: flags.warmUp,
    clipNorm: flags.clipNorm,
    seed: flags.seed,
    ...(strategy !== undefined && { strategy }),
    ...(precision !== undefined && { precision }),
  };
}
