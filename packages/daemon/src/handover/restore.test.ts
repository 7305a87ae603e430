import { generateKeyPairSync } from "node:crypto";
import { RENEW_AHEAD } from "@ocir-broker/expiring-cache/cache-policy";
import { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import { Secret } from "@ocir-broker/foundation/secret";
import type { SigningSession } from "@ocir-broker/identity/identity-provider";
import { createIdentityProvider, DEFAULT_IDENTITY_PROVIDER } from "@ocir-broker/identity/identity-providers";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it } from "vitest";
import { createRecordedLog } from "../../test/recorded-log.ts";
import { restore, type SnapshotOwners } from "./restore.ts";

/** A valid session of an instance principal. */
function createSession(): SigningSession {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  return { keyId: new Secret("ST$a.b.c"), privateKey };
}

const session = createSession();

function setUp(isAllowed: SnapshotOwners["registries"]["isAllowed"] = () => true) {
  const clock = createFakeClock();
  const fetched: string[] = [];
  const { log, lines } = createRecordedLog("info");
  const lasting = <V>(value: V) => ({
    value,
    obtainedAtMs: clock.monotonicMs(),
    expiresAtMs: clock.monotonicMs() + 3_600_000,
  });
  const send = () => Promise.reject(new Error("down"));
  function cacheOf<V>(name: string) {
    const fetch = (key: string) => {
      fetched.push(`${name} ${key}`);
      return send();
    };
    return new ExpiringCache<V>({ policy: RENEW_AHEAD, clock, random: () => 0.5, fetch });
  }
  const context = { clock, environment: {}, random: () => 0.5, sendMetadata: send, sendAuth: send };
  const provider = createIdentityProvider(
    DEFAULT_IDENTITY_PROVIDER,
    { metadata: {}, auth: {}, user: {}, cliSession: {} },
    context,
  );
  const { handover = expect.unreachable() } = provider;
  const owners: SnapshotOwners = {
    provider,
    homeRegion: cacheOf("region"),
    sessions: cacheOf<SigningSession>("session"),
    tokens: cacheOf<Secret>("token"),
    registries: {
      isAllowed,
      endpointOf: (host) => new URL(`https://${host}`),
      applyConfig: () => [],
    },
  };
  const remembered = (registryHost: string, endpoint = `https://${registryHost}/`) => ({
    registryHost,
    endpoint,
    entry: lasting(new Secret(registryHost)),
  });
  return {
    owners,
    handover,
    fetched,
    clock,
    run(encoded = handover.encodeSession(session)) {
      const tokens = [
        remembered("a.example"),
        remembered("b.example"),
        remembered("c.example", "https://old.example/"),
      ];
      const given = { source: "here", provider: provider.name, region: undefined, session: lasting(encoded), tokens };
      return restore({ state: given, ageMs: 1_499 }, owners, log);
    },
    lines,
    held: () => owners.tokens.entries().map(({ key }) => key),
  };
}

it("restore drops the token of a host that is no longer allowed or whose endpoint changed", async () => {
  const { run, held, lines, fetched } = setUp((host) => host !== "a.example");
  await run();
  expect(held()).toEqual(["b.example"]);
  expect(lines).toMatchObject([{ tokens: 1, hasSession: true, ageSeconds: 1 }]);
  expect(fetched).toEqual([]);
});

it("restore waits for a host rule that must be looked up, and drops the token if the look-up fails", async () => {
  const { run, held } = setUp(async (host) => {
    if (host === "a.example") throw new Error("no region");
    return true;
  });
  await run();
  expect(held()).toEqual(["b.example"]);
});

it("restore serves the session and the tokens", async () => {
  const { run, owners } = setUp();
  await run();
  expect(owners.tokens.peek("a.example")?.value.reveal()).toBe("a.example");
  expect(owners.sessions.peek("session")?.value.keyId.reveal()).toBe(session.keyId.reveal());
});

it("restore takes nothing for an identity that keeps no state", async () => {
  const { run, held, owners, lines } = setUp();
  Object.assign(owners, { provider: { name: "none" } });
  await run();
  expect([held(), owners.sessions.entries(), lines]).toEqual([[], [], []]);
});

it("restore drops what is no session, and keeps the tokens", async () => {
  const { run, lines, held, owners } = setUp();
  await run({});
  expect(lines).toMatchObject([{ hasSession: false }]);
  expect(owners.sessions.entries()).toEqual([]);
  expect(held()).toHaveLength(2);
});
