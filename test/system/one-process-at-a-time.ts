/** A mutex between the processes of a run: what several test files share is made by the first, and found by the others. */
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 100;

/** Calls `make` while no other process of this checkout is in a call with the same name. */
export async function oneProcessAtATime<T>(name: string, make: () => T | Promise<T>): Promise<T> {
  const server = createServer();
  // An abstract socket is gone with its process, so a test that is killed leaves no lock behind.
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
