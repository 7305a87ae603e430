/** For tests: a daemon in the test's own process, which is closed when the test has finished, and calls of its sockets. */
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { onTestFinished } from "vitest";
import { type DaemonOptions, startDaemon } from "../src/daemon.ts";

type StartOptions = Pick<DaemonOptions, "config" | "log"> & Partial<DaemonOptions>;

export type Daemon = Awaited<ReturnType<typeof startDaemon>>;

export async function startedDaemon(options: StartOptions): Promise<Daemon> {
  const defaults = { environment: {}, random: () => 0.5, version: "1.2.3", pid: process.pid };
  const broker = await startDaemon({ clock: createSystemClock(), ...defaults, ...options });
  onTestFinished(() => broker.close());
  return broker;
}

/** A POST if there is a body. */
export async function callSocket(socketPath: string, path: string, body?: Buffer | string) {
  const method = body === undefined ? "GET" : "POST";
  const outgoing = request({ socketPath, method, path, agent: false }).end(body);
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  return { status: incoming.statusCode, text: await text(incoming) };
}
