/**
 * Hostile pods on the port of the controller of pull secrets: the kubelet's probes get a response, and its memory is bounded. The port is
 * in a process with the flags of the image.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it, onTestFinished } from "vitest";
import { NODE_FLAGS } from "../../packages/packaging/src/pull-secrets-image.ts";
import { type Daemon, spawnServer, untilSaid } from "../daemon.ts";
import { ATTACKS_ON_PORT } from "../hostile-clients.ts";
import { isLongRun } from "./long-run.ts";

const PROBES = isLongRun ? 1_000 : 40;
/** The chart's limit is 256 MiB, of which a controller with 2 000 resources uses 65 MiB. */
const MAX_GROWTH_MIB = 64;

/** Until the test ends. */
function start(...args: readonly string[]): Daemon {
  const env = { ...process.env, MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "65536" };
  const program = spawnServer([process.execPath, ...args], env);
  onTestFinished(() => void program.process.kill("SIGKILL"));
  return program;
}

it.each(
  // The second address is also a hostile pod's, as if it was on the node's network. Its slow heads can cut off a late probe.
  ATTACKS_ON_PORT.flatMap((attack) =>
    (attack === "slow heads" ? ["127.0.0.1"] : ["127.0.0.1", "127.0.0.2"]).map((address) => [attack, address] as const),
  ),
)("%s, probes from %s: each gets a response, and the memory is bounded", async (attack, localAddress) => {
  const served = start(...NODE_FLAGS, join(import.meta.dirname, "served-port.ts"));
  const [port] = await untilSaid(served, /^\d+(?=\n)/);
  const peakMib = () =>
    Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${served.pid}/status`, "utf8"))?.[1]) / 1_024;

  /** As the kubelet does, each on a connection of its own. */
  async function probe(): Promise<string> {
    const options = { host: "127.0.0.1", port, path: "/healthz", localAddress, agent: false };
    const [response] = (await once(get(options), "response")) as [IncomingMessage];
    return text(response);
  }

  await probe();
  const before = peakMib();
  await untilSaid(start(join(import.meta.dirname, "../hostile-clients.ts"), port, attack), "connected");
  for (let count = 0; count < PROBES; count += 1) expect(await probe()).toBe("ok\n");
  expect(peakMib() - before).toBeLessThan(MAX_GROWTH_MIB);
});
