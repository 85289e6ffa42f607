import { VocabularyError } from '../errors.ts';
import { inputSource, sourceName } from '../graph/sources.ts';
import { type GraphNode, type SymbolicTensor, sortNodes } from '../graph/tensor.ts';

/** Tokens that an operator takes from its input `tokens`, a place in the list of its inputs. */
interface TokenRule {
  readonly tokens: number;
  readonly size: (node: GraphNode) => number;
  readonly ignores?: (node: GraphNode) => number;
}

const rules: Readonly<Record<string, TokenRule>> = {
  embedding: { tokens: 0, size: ({ inputs }) => inputs[1]?.shape[0] ?? 0 },
  'one-hot': { tokens: 0, size: ({ outputs }) => outputs[0]?.shape.at(-1) ?? 0 },
  'one-hot-linear': { tokens: 0, size: ({ inputs }) => inputs[1]?.shape[1] ?? 0 },
  'softmax-cross-entropy': {
    tokens: 1,
    size: ({ inputs }) => inputs[0]?.shape.at(-1) ?? 0,
    ignores: ({ attributes }) => (attributes as { readonly ignoreIndex: number }).ignoreIndex,
  },
};

/**
 * Checks tokens where they enter a graph, since a kernel that meets one outside its table can only make the
 * result non-finite.
 *
 * @param where - begins the message.
 * @param values - of the graph's inputs, by name.
 * @throws {VocabularyError} naming the token, its place, and the layer or loss that does not know it.
 */
export function checkTokens(
  where: string,
  outputs: Iterable<SymbolicTensor>,
  values: (input: string) => ArrayLike<number> | undefined,
): void {
  for (const node of sortNodes(outputs)) {
    const rule = rules[node.op.name];
    const source = rule && node.inputs[rule.tokens]?.node;
    const name = source && sourceName(source, inputSource);
    const tokens = name === undefined ? undefined : values(name);
    if (!rule || !tokens) continue;
    const size = rule.size(node);
    const ignored = rule.ignores?.(node);
    for (let at = 0; at < tokens.length; at++) {
      const token = tokens[at] as number;
      if ((token >= 0 && token < size) || token === ignored) continue;
      throw new VocabularyError(
        `${where}: '${name}' has token ${token} at ${at}, '${node.label}' expects 0 to ${size - 1}` +
          `${ignored === undefined ? '' : ` or ${ignored} to ignore`}. Correct the tokens, or give the ` +
          'model the size of the vocabulary.',
      );
    }
  }
}
