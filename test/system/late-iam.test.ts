/**
 * A pull before its IAM policy: denied, then granted, over real sockets against the simulator; hours pass on a fake clock.
 * The expected behaviour: docs/decisions/0004-late-iam.md. Its costs: repository-access.test.ts.
 */
import type { IamChange } from "@ocir-broker/oci-simulator/iam";
import { expect, it } from "vitest";
import { type DrivenBroker, HOST, startDrivenBroker } from "./driven-broker.ts";

const OPEN = "acme/open";
const LATE = "acme/late";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;

/** Pulls as the kubelet does: asks for credentials, then asks the registry with them. */
async function pull({ clock, broker, statusFor }: DrivenBroker, repository: string): Promise<"pulled" | "denied"> {
  const pulled = await clock.drive(broker.pull(`${HOST}/${repository}`));
  if (pulled.kind !== "token") throw new Error(`no token: ${JSON.stringify(pulled)}`);
  const status = await clock.drive(statusFor(pulled.token.text, repository));
  if (status !== 200 && status !== 403) throw new Error(`the registry answered ${status}`);
  return status === 200 ? "pulled" : "denied";
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

it.each(Object.entries(DENIED))(
  "a late %s works at the first pull 30 s after the grant, with no restart, after an hour of the kubelet's tries",
  async (_what, [before, after]) => {
    const stage = await startDrivenBroker({ iam: before });
    for (let tried = 0; tried < 16; tried++) {
      expect(await pull(stage, LATE)).toBe("denied");
      await stage.pass((KUBELET_DELAYS_S[tried] ?? 300) * SECOND_MS);
    }
    stage.simulator.iam(after);
    await stage.pass(30 * SECOND_MS);
    expect(await pull(stage, LATE)).toBe("pulled");
  },
);

it.each(Object.entries(DENIED))(
  "a late %s works within 5 min and 2 s of the grant if pulls of an hour never pause",
  async (_what, [before, after]) => {
    const stage = await startDrivenBroker({ iam: before });
    const { clock, simulator, pass } = stage;
    for (const endsAtMs = clock.monotonicMs() + 60 * MINUTE_MS; clock.monotonicMs() < endsAtMs; ) {
      expect(await pull(stage, LATE)).toBe("denied");
      await pass(2 * SECOND_MS);
    }
    simulator.iam(after);
    const grantedAtMs = clock.monotonicMs();
    while ((await pull(stage, LATE)) === "denied") await pass(2 * SECOND_MS);
    expect(clock.monotonicMs() - grantedAtMs).toBeLessThan(5 * MINUTE_MS + 2 * SECOND_MS);
  },
);

it("a denied repository delays no other during a total outage, however often it is requested", async () => {
  const stage = await startDrivenBroker({ iam: { repository: LATE, granted: false } });
  const { clock, simulator, broker, pass } = stage;
  expect(await pull(stage, OPEN)).toBe("pulled");
  expect(await pull(stage, LATE)).toBe("denied");
  await clock.driveUntil(() => broker.log.some(({ msg }) => msg === "access denied"));
  simulator.faults({ endpoint: ["metadata.*", "auth.*", "registry.token", "registry.manifest"], status: 503 });
  const tokensBefore = simulator.requests()["registry.token"];

  for (const endsAtMs = clock.monotonicMs() + 20 * MINUTE_MS; clock.monotonicMs() < endsAtMs; ) {
    const [late] = await Promise.all([clock.drive(broker.pull(`${HOST}/${LATE}`)), expectUndisturbed(stage)]);
    expect(late.kind).toBe("token");
    await pass(SECOND_MS);
  }
  const tokens = simulator.requests()["registry.token"] - tokensBefore;
  expect(tokens, "attempts of the renewal, at most").toBeLessThanOrEqual(60);
  simulator.clearFaults();
  await pass(2 * MINUTE_MS);
  expect(await pull(stage, OPEN)).toBe("pulled");
});

/** Served from memory: at the same time on the clock, with a token that has not expired. */
async function expectUndisturbed({ clock, broker }: DrivenBroker): Promise<void> {
  const beforeMs = clock.monotonicMs();
  const from = broker.log.length;
  const pulled = await broker.pull(`${HOST}/${OPEN}`);
  expect(pulled).toMatchObject({ kind: "token" });
  if (pulled.kind === "token") expect(pulled.token.expiresAtMs).toBeGreaterThan(clock.wallMs());
  const line = broker.log.slice(from).find(({ msg, repository }) => msg === "request answered" && repository === OPEN);
  expect(line?.outcome).toMatch(/^(hit|stale)$/);
  expect(clock.monotonicMs() - beforeMs).toBeLessThan(SECOND_MS);
}
