/** A mutex between the processes of a run: the first test file creates what several share, and the others find it. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 100;

/** Calls `make` while no other process of this checkout is in a call with this name. */
export async function oneProcessAtATime<T>(name: string, make: () => T | Promise<T>): Promise<T> {
  const server = createServer();
  // An abstract socket ends with its process, so a killed test leaves no lock behind.
  const address = `\0ocir-broker-test ${name} ${import.meta.dirname}`.slice(0, 100);
  for (;;) {
    try {
      await once(server.listen(address), "listening");
      break;
    } catch {
      await sleep(POLL_MS);
    }
  }
  try {
    return await make();
  } finally {
    server.close();
  }
}
