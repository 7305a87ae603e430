/** Seeded random choices. */
import { createSeededRandom } from "../seeded-random.ts";

export interface Random {
  /** An integer from 0, less than `limit`. */
  below(limit: number): number;
  pick<Item>(items: readonly Item[]): Item;
}

/** One stream of numbers for each pair. */
export function createRandom(seed: number, index: number): Random {
  const random = createSeededRandom(Math.imul(seed, 0x9e3779b1) ^ index);
  const below = (limit: number): number => Math.floor(random() * limit);
  return { below, pick: (items) => items[below(items.length)] as (typeof items)[number] };
}
