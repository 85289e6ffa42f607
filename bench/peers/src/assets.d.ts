declare module '*?url' {
  const address: string;
  export default address;
}

/** What is used of brain.js's recurrent networks; its own declarations leave it out. */
interface BrainNetwork {
  trainOpts: { learningRate: number };
  initialize(): void;
  /** Forward, backward and update on one sequence. Returns its error. */
  trainPattern(sequence: readonly number[], returnsError: boolean): number;
}

/** A CommonJS module with a default export, as an ES module sees it. */
interface BrainModule {
  readonly default: new (options: object) => BrainNetwork;
}

declare module 'brain.js/dist/recurrent/rnn.js' {
  const module: BrainModule;
  export default module;
}

declare module 'brain.js/dist/recurrent/lstm.js' {
  const module: BrainModule;
  export default module;
}

declare module 'brain.js/dist/recurrent/gru.js' {
  const module: BrainModule;
  export default module;
}
