import type { View } from './operator.ts';

/** Bytes of one number in a view. */
export function numberBytes({ isHalf }: Pick<View, 'isHalf'>): 2 | 4 {
  return isHalf ? 2 : 4;
}
