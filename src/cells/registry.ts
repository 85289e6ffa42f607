import type { CellDefinition } from './cell.ts';
import { gru } from './gru.ts';
import { lstm } from './lstm.ts';
import { indRnn, rnn } from './rnn.ts';

/** Every cell that layers, tests, benches and the command line know. Adding a cell adds a line here. */
export const cells = { rnn, lstm, gru, indRnn } as const satisfies Record<string, CellDefinition>;

/** Name of a registered cell. */
export type CellName = keyof typeof cells;
