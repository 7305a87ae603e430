/**
 * A pull before its IAM policy: denied, then granted, over real sockets against the simulator; hours pass on a fake clock.
 * The expected behaviour: docs/decisions/0004-late-iam.md.
 */
import type { EndpointPattern, IamChange, Simulator } from "@ocir-broker/oci-simulator";
import { startSimulator } from "@ocir-broker/oci-simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { createDrivenClock, type DrivenClock } from "./driven-clock.ts";
import { type InProcessBroker, startInProcess } from "./in-process-broker.ts";

const HOST = "iad.ocir.io";
const OPEN = "acme/open";
const LATE = "acme/late";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

interface Stage {
  readonly clock: DrivenClock;
  readonly simulator: Simulator;
  readonly broker: InProcessBroker;
  /** Pulls as the kubelet does: asks for credentials, then asks the registry with them. */
  pull(repository: string): Promise<"pulled" | "denied">;
  pass(ms: number): Promise<void>;
}

async function setStage(iam: IamChange): Promise<Stage> {
  const clock = createDrivenClock();
  const simulator = await startSimulator({ clock });
  simulator.iam(iam);
  onTestFinished(() => simulator.close());
  const registries = { endpoints: { [HOST]: simulator.registryUrl.origin } };
  const broker = await startInProcess({ clock, simulator, config: { registries }, logLevel: "info" });
  onTestFinished(() => broker.close());

  async function tryToken(repository: string, token: string): Promise<"pulled" | "denied"> {
    const url = new URL(`/v2/${repository}/manifests/latest`, simulator.registryUrl);
    const { status } = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    if (status !== 200 && status !== 403) throw new Error(`the registry answered ${status}`);
    return status === 200 ? "pulled" : "denied";
  }

  return {
    clock,
    simulator,
    broker,
    pass: (ms) => clock.pass(ms, broker),
    async pull(repository) {
      const pulled = await clock.drive(broker.pull(`${HOST}/${repository}`));
      if (pulled.kind !== "token") throw new Error(`no token: ${JSON.stringify(pulled)}`);
      return clock.drive(tryToken(repository, pulled.token.text));
    },
  };
}

const DENIED: Readonly<Record<string, readonly [before: IamChange, after: IamChange]>> = {
  policy: [
    { repository: LATE, granted: false },
    { repository: LATE, granted: true },
  ],
  "dynamic group": [{ dynamicGroup: false }, { dynamicGroup: true }],
};

/** The kubelet's own back-off between two pulls of one image. */
const KUBELET_DELAYS_S = [10, 20, 40, 80, 160, 300];
const kubeletDelayMs = (tries: number): number => (KUBELET_DELAYS_S[tries] ?? 300) * SECOND_MS;

describe.each(Object.entries(DENIED))("a late %s", (_what, [before, after]) => {
  it.each([
    ["after one denied pull", 1],
    ["after an hour of the kubelet's tries", 16],
  ])("works at the first pull 30 s after the grant, with no restart: %s", async (_when, tries) => {
    const { simulator, pull, pass } = await setStage(before);
    for (let tried = 0; tried < tries; tried++) {
      expect(await pull(LATE)).toBe("denied");
      await pass(kubeletDelayMs(tried));
    }
    simulator.iam(after);
    await pass(30 * SECOND_MS);
    expect(await pull(LATE)).toBe("pulled");
  });

  it("works within 5 min and 2 s of the grant for one who never stops asking", async () => {
    const { clock, simulator, pull, pass } = await setStage(before);
    for (const endsAtMs = clock.monotonicMs() + HOUR_MS; clock.monotonicMs() < endsAtMs; ) {
      expect(await pull(LATE)).toBe("denied");
      await pass(2 * SECOND_MS);
    }
    simulator.iam(after);
    const grantedAtMs = clock.monotonicMs();
    while ((await pull(LATE)) === "denied") await pass(2 * SECOND_MS);
    expect(clock.monotonicMs() - grantedAtMs).toBeLessThan(5 * MINUTE_MS + 2 * SECOND_MS);
  });
});

interface Costs {
  readonly tokens: number;
  readonly sessions: number;
  readonly probes: number;
}

function costsOf({ simulator }: Stage): Costs {
  const counts = simulator.requests();
  return { tokens: counts["registry.token"], sessions: counts["auth.x509"], probes: counts["registry.manifest"] };
}

/** Regular renewals within two hours, with a token of an hour and a session of 20 min. */
const ORDINARY: Costs = { tokens: 5, sessions: 16, probes: 0 };

describe("a repository denied for good", () => {
  it.each([
    // After 30 s without a request the shortest interval applies, so each of the 29 pulls may fetch.
    { pattern: "asked for at each of the kubelet's pulls", delayMs: kubeletDelayMs, fetches: 30 },
    // A third of the time since the denial, up to 5 min.
    { pattern: "asked for as the kubelet does", delayMs: () => 13 * SECOND_MS, fetches: 31 },
    { pattern: "asked for every second", delayMs: () => SECOND_MS, fetches: 31 },
  ])(
    "costs at most $fetches fetches in two hours, $pattern, and nobody else notices",
    async ({ delayMs, fetches, pattern }) => {
      const stage = await setStage({ repository: LATE, granted: false });
      const { clock, broker, pull, pass } = stage;
      expect(await pull(OPEN)).toBe("pulled");
      await clock.driveUntil(() => costsOf(stage).probes >= 2);
      const from = costsOf(stage);
      const asked = broker.log.length;
      const endsAtMs = clock.monotonicMs() + 2 * HOUR_MS;
      let tries = 0;
      while (clock.monotonicMs() < endsAtMs) {
        expect(await pull(LATE)).toBe("denied");
        await expectUndisturbed(stage);
        await pass(delayMs(tries++));
      }

      const costs = costsOf(stage);
      const refreshed = broker.log.slice(asked).filter(({ msg }) => msg === "access refreshed").length;
      console.log(`${pattern}: ${tries} pulls, ${refreshed} fetches, ${costs.tokens - from.tokens} token requests,`);
      console.log(`  ${costs.sessions - from.sessions} sessions`);
      expect(refreshed).toBeLessThanOrEqual(fetches);
      expect(costs.tokens - from.tokens).toBeLessThanOrEqual(fetches + ORDINARY.tokens);
      expect(costs.sessions - from.sessions).toBeLessThanOrEqual(fetches + ORDINARY.sessions);
    },
  );

  it("changes nothing for the others during an outage of everything, however fast it is asked for", async () => {
    const stage = await setStage({ repository: LATE, granted: false });
    const { clock, simulator, broker, pull, pass } = stage;
    expect(await pull(OPEN)).toBe("pulled");
    expect(await pull(LATE)).toBe("denied");
    await clock.driveUntil(() => broker.log.some(({ msg }) => msg === "access denied"));
    const everything: EndpointPattern[] = ["metadata.*", "auth.*", "registry.token", "registry.manifest"];
    simulator.faults({ endpoint: everything, status: 503 });
    const from = costsOf(stage);

    for (const endsAtMs = clock.monotonicMs() + 20 * MINUTE_MS; clock.monotonicMs() < endsAtMs; ) {
      const [late] = await Promise.all([clock.drive(broker.pull(`${HOST}/${LATE}`)), expectUndisturbed(stage)]);
      expect(late.kind).toBe("token");
      await pass(SECOND_MS);
    }
    expect(costsOf(stage).tokens - from.tokens, "back-off of the renewal, at most").toBeLessThanOrEqual(60);
    simulator.clearFaults();
    await pass(2 * MINUTE_MS);
    expect(await pull(OPEN)).toBe("pulled");
  });
});

/** Served from memory, without a request to an upstream, and at the same time on the clock. */
async function expectUndisturbed({ clock, broker }: Stage): Promise<void> {
  const beforeMs = clock.monotonicMs();
  const asked = broker.log.length;
  const pulled = await broker.pull(`${HOST}/${OPEN}`);
  expect(pulled).toMatchObject({ kind: "token" });
  if (pulled.kind === "token") expect(pulled.token.expiresAtMs).toBeGreaterThan(clock.wallMs());
  const line = broker.log.slice(asked).find(({ msg, repository }) => msg === "request answered" && repository === OPEN);
  expect(line?.outcome).toMatch(/^(hit|stale)$/);
  expect(clock.monotonicMs() - beforeMs).toBeLessThan(SECOND_MS);
}
