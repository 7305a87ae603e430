/** Random numbers, passed in like the clock. Only this file may call Math.random. */

/** A number in [0, 1), for jitter; never for keys. */
export type Random = () => number;

export const systemRandom: Random = () => Math.random();
