import type { Cell, CellDefinition } from './cell.ts';
import { gru } from './gru.ts';
import { lstm } from './lstm.ts';
import { minGru } from './min-gru.ts';
import { minLstm } from './min-lstm.ts';
import { indRnn, rnn } from './rnn.ts';
import type { ScanCell } from './scan-cell.ts';
import { slstm } from './slstm.ts';

/** Every cell that layers, tests, benches and the command line know. Adding a cell adds a line here. */
export const cells = { rnn, lstm, gru, indRnn, slstm, minGru, minLstm } as const satisfies Record<
  string,
  CellDefinition<Cell | ScanCell>
>;

/** Name of a registered cell. */
export type CellName = keyof typeof cells;
