/**
 * A pull before its IAM policy: denied, then granted, over real sockets against the simulator; an hour passes on a fake clock.
 * The expected behaviour: docs/decisions/0004-late-iam.md. Its costs, other patterns and outages: repository-access.test.ts.
 */
import type { IamChange } from "@ocir-broker/oci-simulator";
import { expect, it } from "vitest";
import { type DrivenBroker, HOST, startDrivenBroker } from "./driven-broker.ts";

const LATE = "acme/late";

const SECOND_MS = 1_000;

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
