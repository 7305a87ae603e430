import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, it, vi } from "vitest";
import { createSessionRefresh } from "../tokens/session-refresh.ts";
import { type AccessEvent, RepositoryAccess } from "./repository-access.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const HOST = "iad.ocir.io";
const OTHER_HOST = "icn.ocir.io";
const REPOSITORY = "tenancy/app";

/**
 * A cloud in which access depends on a policy, which is evaluated at each use, and on a dynamic group, which counts only
 * for tokens whose session was fetched after the group existed.
 */
function setUp(at = { group: true }) {
  const clock = createFakeClock();
  const cloud = { policy: true, group: at.group, isDown: false, latencyMs: 0, hasManifest: true };
  const forbidden = new Set<string>();
  const counts = { probes: 0, sessions: 0, tokens: 0 };
  const events: AccessEvent[] = [];
  let session = { group: cloud.group };
  const tokens = new Map<string, { group: boolean }>();

  function tokenOf(host: string) {
    const token = tokens.get(host) ?? session;
    tokens.set(host, token);
    return token;
  }

  async function upstream(): Promise<void> {
    if (cloud.latencyMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, cloud.latencyMs));
    if (cloud.isDown) throw new Error("down");
  }

  const access = new RepositoryAccess({
    clock,
    liveToken: tokenOf,
    async probe(host, repository) {
      counts.probes++;
      const token = tokenOf(host);
      await upstream();
      if (forbidden.has(repository) || !cloud.policy || !token.group) return "denied";
      return cloud.hasManifest ? "working" : "unknown";
    },
    refreshSession: createSessionRefresh(clock, async () => {
      counts.sessions++;
      await upstream();
      session = { group: cloud.group };
    }),
    async refreshToken(host) {
      counts.tokens++;
      await upstream();
      tokens.set(host, { ...session });
    },
    onEvent: (event) => void events.push(event),
  });

  /** Does what a request does. */
  async function request(repository = REPOSITORY, host = HOST) {
    if (access.ask(host, repository) !== "denied") return access.ask(host, repository);
    return access.heal(host, repository, 5_000);
  }

  /** A node whose session is older than the group, with the repository marked. */
  async function markDenied(repository = REPOSITORY, host = HOST) {
    await request(repository, host);
    await clock.advance(1_000);
    expect(access.ask(host, repository)).toBe("denied");
  }

  return {
    clock,
    cloud,
    forbidden,
    counts,
    events,
    access,
    request,
    markDenied,
    renewToken: (host = HOST) => tokens.set(host, { ...session }),
  };
}

describe("RepositoryAccess.ask", () => {
  it("returns unknown at first, and probes the repository once in the background", async () => {
    const { access, clock, counts } = setUp();
    expect(access.ask(HOST, REPOSITORY)).toBe("unknown");
    expect(access.ask(HOST, REPOSITORY)).toBe("unknown");
    expect(counts.probes).toBe(0);
    await clock.advance(1_000);
    expect(access.ask(HOST, REPOSITORY)).toBe("working");
    await clock.advance(3_600_000);
    expect(access.ask(HOST, REPOSITORY)).toBe("working");
    await clock.advance(1_000);
    expect(counts.probes).toBe(1);
  });

  it("does not probe an image that every token can read", async () => {
    const { access, clock, counts } = setUp();
    expect(access.ask(HOST, "oracle/oke-public-pause")).toBe("unknown");
    await clock.advance(1_000);
    expect(counts.probes).toBe(0);
  });

  it("probes a working repository again when its token was renewed, at most every ten minutes", async () => {
    const { access, clock, counts, renewToken } = setUp();
    access.ask(HOST, REPOSITORY);
    await clock.advance(1_000);
    renewToken();
    access.ask(HOST, REPOSITORY);
    await clock.advance(1_000);
    expect(counts.probes).toBe(1);
    await clock.advance(600_000);
    access.ask(HOST, REPOSITORY);
    await clock.advance(1_000);
    expect(counts.probes).toBe(2);
  });

  it("probes again if the token was renewed during a probe", async () => {
    const { access, clock, cloud, counts, renewToken } = setUp();
    cloud.latencyMs = 1_000;
    access.ask(HOST, REPOSITORY);
    await clock.advance(500);
    renewToken();
    await clock.advance(602_000);
    expect(access.ask(HOST, REPOSITORY)).toBe("working");
    await clock.advance(2_000);
    expect(counts.probes).toBe(2);
  });

  it("probes at most every ten minutes if a probe is inconclusive", async () => {
    const { access, clock, cloud, counts } = setUp();
    cloud.hasManifest = false;
    for (let minute = 0; minute < 30; minute++) {
      expect(access.ask(HOST, REPOSITORY)).toBe("unknown");
      await clock.advance(60_000);
    }
    expect(counts.probes).toBe(3);
  });

  it("retries a failed probe after 30 s and leaves the mark unchanged", async () => {
    const { access, clock, cloud, counts, events } = setUp();
    cloud.isDown = true;
    access.ask(HOST, REPOSITORY);
    await clock.advance(1_000);
    access.ask(HOST, REPOSITORY);
    await clock.advance(1_000);
    expect(counts.probes).toBe(1);
    expect(events).toMatchObject([{ type: "probe-failed", registryHost: HOST }]);
    await clock.advance(30_000);
    expect(access.ask(HOST, REPOSITORY)).toBe("unknown");
    await clock.advance(1_000);
    expect(counts.probes).toBe(2);
  });

  it("lists denied repositories for half an hour after their last request, until they work", async () => {
    const { access, cloud, clock, request, markDenied } = setUp({ group: false });
    await markDenied("tenancy/two");
    await markDenied();
    const names = () => access.denied().map(({ repository }) => repository);
    expect(names()).toEqual([`${HOST}/tenancy/two`, `${HOST}/${REPOSITORY}`]);
    await clock.advance(1_800_001);
    cloud.group = true;
    access.ask(HOST, "tenancy/two");
    expect(names()).toEqual([`${HOST}/tenancy/two`]);
    await request("tenancy/two");
    expect(names()).toEqual([]);
  });

  it("does not probe a denied repository in the background", async () => {
    const { access, clock, counts, markDenied } = setUp({ group: false });
    await markDenied();
    const { probes } = counts;
    await clock.advance(660_000);
    expect(access.ask(HOST, REPOSITORY)).toBe("denied");
    await clock.advance(1_000);
    expect(counts.probes).toBe(probes);
  });

  it("stops probing after close", async () => {
    const { access, clock, counts } = setUp();
    access.ask(HOST, REPOSITORY);
    access.close();
    access.ask(HOST, "tenancy/other");
    await clock.advance(60_000);
    expect(counts.probes).toBe(0);
  });
});

describe("RepositoryAccess.heal", () => {
  it("finds a late policy by probing again, without fetching anything", async () => {
    const { cloud, counts, request, markDenied, events } = setUp();
    cloud.policy = false;
    await markDenied();
    cloud.policy = true;
    expect(await request()).toBe("working");
    expect(counts).toMatchObject({ sessions: 0, tokens: 0 });
    expect(events.map(({ type }) => type)).toEqual(["denied", "healed"]);
  });

  // Two hours, after which a certificate has a tag that was changed on a running instance.
  it("fetches at most every 30 s on average, then every 5 min, 31 times in two hours of requests without a pause", async () => {
    const { clock, counts, request, markDenied } = setUp({ group: false });
    await markDenied();
    const mintedAtS: number[] = [];
    for (let second = 0; second < 7_200; second += 3) {
      const before = counts.tokens;
      await request();
      if (counts.tokens > before) mintedAtS.push(second);
      await clock.advance(3_000);
    }
    expect(mintedAtS.slice(0, 10)).toEqual([0, 12, 30, 60, 93, 141, 213, 321, 483, 726]);
    expect(mintedAtS.slice(10)).toEqual(Array.from({ length: 21 }, (_, index) => 1_026 + index * 300));
    expect(counts.sessions).toBe(counts.tokens);
  });

  // A real kubelet asks at each look at the pod, every 10 to 15 s, also while it does not pull because of its own back-off.
  it.each([
    { deniedS: 2, withinS: 13 },
    { deniedS: 30, withinS: 26 },
    { deniedS: 120, withinS: 52 },
    { deniedS: 600, withinS: 212 },
    { deniedS: 7_200, withinS: 312 },
  ])("heals a pod that was denied for $deniedS s, within $withinS s of the grant", async ({ deniedS, withinS }) => {
    const { cloud, clock, request, markDenied } = setUp({ group: false });
    const lookMs = 13_000;
    await markDenied();
    await request();
    for (let ms = 0; ms + lookMs < deniedS * 1_000; ms += lookMs) {
      await clock.advance(lookMs);
      expect(await request()).toBe("denied");
    }
    cloud.group = true;
    const grantedAtMs = clock.monotonicMs();
    do await clock.advance(lookMs);
    while ((await request()) === "denied");
    expect(clock.monotonicMs() - grantedAtMs).toBeLessThanOrEqual(withinS * 1_000);
  });

  it("heals all pods together when they request one repository at once", async () => {
    const { cloud, clock, request, markDenied } = setUp({ group: false });
    cloud.latencyMs = 50;
    const askTogether = async () => {
      const asked = Array.from({ length: 12 }, () => request());
      await clock.advance(5_000);
      return new Set(await Promise.all(asked));
    };
    await markDenied();
    for (let time = 0; time < 12; time += 1) {
      expect(await askTogether()).toEqual(new Set(["denied"]));
      await clock.advance(295_000);
    }
    cloud.group = true;
    expect(await askTogether()).toEqual(new Set(["working"]));
  });

  it("does not delay one repository when requests for another are frequent", async () => {
    const { cloud, clock, forbidden, request, markDenied } = setUp({ group: false });
    forbidden.add("tenancy/forbidden");
    await markDenied();
    await markDenied("tenancy/forbidden");
    for (let second = 0; second < 3_600; second += 3) {
      await request("tenancy/forbidden");
      await clock.advance(3_000);
    }
    cloud.group = true;
    for (let second = 0; second < 30; second += 3) {
      await request("tenancy/forbidden");
      await clock.advance(3_000);
    }
    expect(await request()).toBe("working");
  });

  it("heals a second registry host 10 s after the start of the session that the first has fetched", async () => {
    const { cloud, clock, request, markDenied } = setUp({ group: false });
    await markDenied();
    await markDenied(REPOSITORY, OTHER_HOST);
    expect(await request(REPOSITORY, HOST)).toBe("denied");
    await clock.advance(5_000);
    cloud.group = true;
    // Uses the session that the first host's request fetched before the grant.
    expect(await request(REPOSITORY, OTHER_HOST)).toBe("denied");
    await clock.advance(6_000);
    expect(await request(REPOSITORY, OTHER_HOST)).toBe("working");
    expect(await request(REPOSITORY, HOST)).toBe("working");
  });

  it("fetches one session for concurrent hosts, and probes once for concurrent requests for a repository", async () => {
    const { cloud, clock, counts, access, markDenied } = setUp({ group: false });
    await markDenied();
    await markDenied("tenancy/two");
    await markDenied(REPOSITORY, OTHER_HOST);
    cloud.group = true;
    cloud.latencyMs = 300;
    const probesBefore = counts.probes;
    const asked = [
      ...Array.from({ length: 20 }, () => access.heal(HOST, REPOSITORY, 5_000)),
      access.heal(HOST, "tenancy/two", 5_000),
      access.heal(OTHER_HOST, REPOSITORY, 5_000),
    ];
    await clock.advance(5_000);
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["working"]));
    expect(counts).toEqual({ probes: probesBefore + 6, sessions: 1, tokens: 2 });
  });

  it("returns after the given wait, and continues in the background", async () => {
    const { cloud, clock, access, markDenied } = setUp();
    cloud.policy = false;
    await markDenied();
    cloud.policy = true;
    cloud.latencyMs = 8_000;
    const asked = access.heal(HOST, REPOSITORY, 5_000);
    await clock.advance(5_000);
    expect(await asked).toBe("denied");
    await clock.advance(3_000);
    expect(access.ask(HOST, REPOSITORY)).toBe("working");
  });

  it("returns at once when it has just probed", async () => {
    const { cloud, counts, request, markDenied } = setUp();
    cloud.policy = false;
    await markDenied();
    await request();
    const { probes } = counts;
    expect(await request()).toBe("denied");
    expect(counts.probes).toBe(probes);
  });

  it("changes nothing during an outage", async () => {
    const { cloud, clock, counts, events, request, markDenied } = setUp({ group: false });
    await markDenied();
    await request();
    cloud.isDown = true;
    await clock.advance(60_000);
    expect(await request()).toBe("denied");
    expect(counts).toMatchObject({ sessions: 1, tokens: 1 });
    expect(events.at(-1)?.type).toBe("probe-failed");
  });

  it("recovers when a session cannot be fetched", async () => {
    const { cloud, clock, events, access, markDenied } = setUp({ group: false });
    await markDenied();
    cloud.latencyMs = 100;
    const asked = access.heal(HOST, REPOSITORY, 5_000);
    await clock.advance(150);
    cloud.isDown = true;
    await clock.advance(1_000);
    expect(await asked).toBe("denied");
    expect(events.at(-1)).toMatchObject({ type: "refresh-failed", registryHost: HOST });
  });
});
