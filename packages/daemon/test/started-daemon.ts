/** For tests: a daemon in the test's own process, which is closed when the test has finished, and calls of its sockets. */
import { request } from "node:http";
import type { Config } from "@ocir-broker/credentials/config/schema";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { onTestFinished } from "vitest";
import { type Daemon, startDaemon } from "../src/daemon.ts";
import type { Log } from "../src/telemetry/log.ts";

export interface StartOptions {
  readonly config: Config;
  readonly log: Log;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly clock?: Clock | undefined;
}

export async function startedDaemon({ config, log, environment = {}, clock }: StartOptions): Promise<Daemon> {
  const broker = await startDaemon({
    ...{ config, log, environment, clock: clock ?? createSystemClock() },
    ...{ random: () => 0.5, version: "1.2.3", pid: process.pid },
  });
  onTestFinished(() => broker.close());
  return broker;
}

/** A POST if there is a body. */
export function callSocket(socketPath: string, path: string, body?: Buffer | string) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>();
  const method = body === undefined ? "GET" : "POST";
  const outgoing = request({ socketPath, method, path, agent: false }, async (incoming) => {
    resolve({ status: incoming.statusCode, text: (await incoming.toArray()).join("") });
  });
  outgoing.on("error", reject).end(body);
  return promise;
}
