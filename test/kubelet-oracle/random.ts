/** Seeded random numbers. */

export interface Random {
  /** An integer from 0, less than `limit`. */
  below(limit: number): number;
  pick<Item>(items: readonly [Item, ...Item[]] | readonly Item[]): Item;
}

/** One stream of numbers for each pair (xorshift, seeded by multiplication with odd constants). */
export function createRandom(seed: number, index: number): Random {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) | 1;
  function below(limit: number): number {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.floor(((state >>> 0) / 2 ** 32) * limit);
  }
  for (let warmUp = 0; warmUp < 8; warmUp++) below(1);
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number] };
}
