/** The network below HTTP: DNS look-ups and TCP connections. */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import type { Clock } from "@ocir-broker/foundation/time/clock";

export type Network = ReturnType<typeof createNetwork>;

/** A service gateway responds within milliseconds, a host on another continent within half a second. */
const CONNECT_LIMIT_MS = 2_500;

export function createNetwork(clock: Clock, connectLimitMs: number = CONNECT_LIMIT_MS) {
  return {
    /** Rejects as node:dns does. */
    resolve: async (hostname: string): Promise<readonly string[]> =>
      (await lookup(hostname, { all: true })).map(({ address }) => address),
    /** `open`, or why not: `timeout` or an errno code. */
    connect(address: string, port: number): Promise<string> {
      const { promise, resolve } = Promise.withResolvers<string>();
      const socket = connect({ host: address, port });
      const limit = clock.setTimer(() => resolve("timeout"), connectLimitMs);
      socket.on("connect", () => resolve("open"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "EIO"));
      return promise.finally(() => {
        limit.cancel();
        socket.destroy();
      });
    },
  };
}
