/**
 * Hostile clients of both sockets, of the daemon in its unit: no pull fails, and the daemon does not end. Times are the benchmark's.
 */
import { once } from "node:events";
import { beforeAll, expect, it } from "vitest";
import type { Attack } from "../hostile-clients.ts";
import { describeUnless } from "./describe-unless.ts";
import { isLongRun } from "./long-run.ts";
import { bootSimulatedNode, CREDENTIALS_SOCKET, HEALTH_SOCKET, NODE, SERVICE, underLoad } from "./simulated-node.ts";
import { canBootSystemd, type SystemdRoot } from "./systemd-root/index.ts";

const ATTACK_SECONDS = isLongRun ? 30 : 6;
const ATTACKS: readonly (readonly [attack: Attack, socket: string])[] = [
  ["all on the health socket", HEALTH_SOCKET],
  ["chunks on the credentials socket", CREDENTIALS_SOCKET],
  ["bodies byte by byte", CREDENTIALS_SOCKET],
];

describeUnless(canBootSystemd(), "hostile clients", () => {
  let root: SystemdRoot;

  beforeAll(async () => {
    root = await bootSimulatedNode();
    await root.run("systemctl", ["start", SERVICE]);
    return () => root.powerOff();
  });

  it.each(ATTACKS)("%s: no pull fails, and the daemon is not restarted", async (attack, socket) => {
    const { calls, failures } = await underLoad(root, async () => {
      const program = [NODE, "/opt/checkout/test/hostile-clients.ts", socket, attack];
      // A signal from here would end nsenter only.
      const attacker = root.spawn("timeout", ["--signal=KILL", String(ATTACK_SECONDS), ...program]);
      const ended = once(attacker, "close");
      expect(String(await Promise.race([once(attacker.stdout ?? attacker, "data"), ended]))).toBe("connected\n");
      await ended;
    });
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(0);
    expect(await root.property(SERVICE, "NRestarts")).toBe("0");
  });
});
