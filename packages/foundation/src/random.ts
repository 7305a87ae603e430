/** Chance, passed in like the clock. This file is the only one that may call Math.random. */

/** A number in [0, 1), for jitter; never for keys. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
