import { generateKeyPairSync } from "node:crypto";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { Secret } from "@ocir-broker/foundation/secret";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { expect, it, vi } from "vitest";
import { createServiceAccountCache } from "./service-account-cache.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

/** A real signature loads oci-common first, which the fake clock does not wait for. */
vi.mock("@ocir-broker/identity/oci-sdk/oci-sdk", () => ({ signWithSession: async () => ({}) }));
// Loaded now, because the fake clock does not wait for it.
await import("@ocir-broker/identity/oci-sdk/oci-sdk");

const HOST = "iad.ocir.io";
const LIFE_MS = 3_600_000;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });

interface Durations {
  readonly keysMs: number;
  readonly exchangeMs: number;
  readonly registryMs: number;
}

function setUp({ keysMs, exchangeMs, registryMs }: Durations) {
  const clock = createFakeClock();
  const startMs = clock.monotonicMs();
  const lives = () => ({ obtainedAtMs: clock.monotonicMs(), expiresAtMs: clock.monotonicMs() + LIFE_MS });
  const body = Buffer.from(JSON.stringify({ token: jwtOf({ sub: "puller" }), expires_in: LIFE_MS / 1_000 }));
  const exchange = vi.fn(async () => {
    await sleep(exchangeMs, clock);
    return { value: { keyId: new Secret("ST$x"), privateKey }, ...lives() };
  });
  const send = vi.fn(async () => {
    await sleep(registryMs, clock);
    return { status: 200, headers: {}, body, sentAtMs: clock.monotonicMs(), serverDateMs: undefined };
  });
  const serviceAccounts = createServiceAccountCache({
    ...{ clock, random: () => 0.5, audience: undefined, longestTokenLifeMs: LIFE_MS },
    keys: { isSigned: async () => sleep(keysMs, clock).then(() => true) },
    exchange: { exchange },
    sendTo: () => send,
    registries: { isAllowed: () => true, endpointOf: () => new URL("https://registry.test") },
  });
  const token = new Secret(jwtOf(podClaims(clock.wallMs() + LIFE_MS)));

  /** How a pull ends, and after how many milliseconds since the start. */
  const pull = (waitMs: number) =>
    serviceAccounts.get(HOST, token, { deadlineAtMs: clock.monotonicMs() + waitMs }).then(
      ({ outcome }) => ({ end: outcome as string, atMs: clock.monotonicMs() - startMs }),
      (error: unknown) => ({ end: codeOf(error), atMs: clock.monotonicMs() - startMs }),
    );
  return { clock, pull, exchange, send };
}

it.each<[what: string, Durations, endsAtMs: number]>([
  ["keys and token exchange are slow", { keysMs: 7_000, exchangeMs: 7_000, registryMs: 1_000 }, 12_000],
  ["keys never arrive", { keysMs: 60_000, exchangeMs: 7_000, registryMs: 1_000 }, 12_000],
  ["the token exchange is slow", { keysMs: 0, exchangeMs: 11_000, registryMs: 1_000 }, 12_000],
  ["token exchange and registry are slow", { keysMs: 0, exchangeMs: 7_000, registryMs: 7_000 }, 14_000],
])(
  "createServiceAccountCache returns a token before the deadline of 15 s when %s",
  async (_what, durations, endsAtMs) => {
    const { clock, pull, exchange } = setUp(durations);
    const pulled = pull(15_000);
    await clock.advance(60_000);
    expect(await pulled).toEqual({ end: "miss", atMs: endsAtMs });
    expect(exchange).toHaveBeenCalledOnce();
  },
);

it.each<[what: string, Durations, waitMs: number, next: string]>([
  ["a token exchange after slow keys", { keysMs: 7_000, exchangeMs: 10_000, registryMs: 0 }, 15_000, "miss"],
  ["a token exchange", { keysMs: 0, exchangeMs: 11_000, registryMs: 0 }, 9_000, "miss"],
  ["a registry", { keysMs: 0, exchangeMs: 8_000, registryMs: 8_000 }, 15_000, "hit"],
])(
  "createServiceAccountCache completes %s for the next pull when it is too slow for one",
  async (_what, durations, waitMs, next) => {
    const { clock, pull, exchange, send } = setUp(durations);
    const pulled = pull(waitMs);
    await clock.advance(16_000);
    const later = pull(15_000);
    await clock.advance(60_000);
    const { end, atMs } = await pulled;
    expect(end).toBe("wait-timeout");
    expect(atMs).toBeLessThanOrEqual(waitMs);
    expect(await later).toEqual({ end: next, atMs: 16_000 });
    expect([exchange.mock.calls.length, send.mock.calls.length]).toEqual([1, 1]);
  },
);
