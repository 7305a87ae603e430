/** Seeded random choices. */
import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";

export type Random = ReturnType<typeof createRandom>;

/** One stream of numbers for each pair. */
export function createRandom(seed: number, index: number) {
  const random = createSeededRandom(Math.imul(seed, 0x9e3779b1) ^ index);
  /** An integer from 0, less than `limit`. */
  const below = (limit: number) => Math.floor(random() * limit);
  return { random, below, pick: <Item>(items: readonly Item[]) => items[below(items.length)] as Item };
}
