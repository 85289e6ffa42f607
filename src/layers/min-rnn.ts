import { type RecurrentLayer, type RecurrentOptions, recurrent } from './recurrent.ts';

/** Options of {@link minGru}. */
export interface MinGruOptions
  extends Omit<
    RecurrentOptions,
    'recurrentInitializer' | 'heads' | 'recurrentDropout' | 'weightDropout' | 'zoneout'
  > {
  /** The candidate as it is (default), or mapped to positive values as in the paper's log-space form. */
  readonly candidate?: 'linear' | 'positive';
}

/** Options of {@link minLstm}. */
export interface MinLstmOptions extends MinGruOptions {
  /** First value of the forget gate's bias; uniform values if absent. */
  readonly forgetBias?: number;
}

/**
 * The minimal GRU of Feng et al. 2024; gate order z, n. It has no recurrent weights: all time steps are one scan,
 * trained by one dispatch each way.
 */
export function minGru(hiddenSize: number, options: MinGruOptions = {}): RecurrentLayer {
  return recurrent('minGru', hiddenSize, { ...options });
}

/** The minimal LSTM of Feng et al. 2024; gate order f, i, n. A scan over time like {@link minGru}. */
export function minLstm(hiddenSize: number, options: MinLstmOptions = {}): RecurrentLayer {
  return recurrent('minLstm', hiddenSize, { ...options });
}
