import { beforeAll } from "vitest";

/** For a `describe`: an object that is empty until its tests run, and stopped after them. */
export function given<Kind extends object>(
  start: () => Promise<Kind>,
  stop: (started: Kind) => Promise<void>,
  limitMs?: number,
): Kind {
  const promised = {} as Kind;
  beforeAll(async () => {
    const started = Object.assign(promised, await start());
    return () => stop(started);
  }, limitMs);
  return promised;
}
