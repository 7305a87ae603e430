/** docs/metrics.md matches the metrics of the built daemon and of the controller of pull secrets, and Prometheus can read them. */
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { jwtOf, podClaims } from "@ocir-broker/testkit/jwt";
import { describe, expect, it } from "vitest";
import { createMetrics } from "../../packages/pull-secrets/src/metrics.ts";
import type { PullSecret } from "../../packages/pull-secrets/src/objects/pull-secret.ts";
import { REGISTRY_HOSTS, responseOf, setStage } from "../e2e/stage.ts";
import { documentedMetrics } from "./documented-metrics.ts";
import { familiesOf, scrape } from "./exposition.ts";
import { hasPromtool, promtool, promtoolNote } from "./promtool.ts";

/** Of a daemon that has answered a pull from each registry host, and one for a service account with the anonymous entry. */
async function daemonMetrics(): Promise<string> {
  const { call, config } = await setStage({ daemon: { prefetch: REGISTRY_HOSTS.slice(0, 1) } });
  for (const host of REGISTRY_HOSTS) responseOf(await call(`${host}/acme/shop/web`));
  responseOf(await call(`${REGISTRY_HOSTS[0]}/acme/shop/web`, jwtOf(podClaims(0))));
  return scrape(config.healthSocket);
}

/** Of a leader with a resource. The other replica exposes the same families. */
async function controllerMetrics(): Promise<string> {
  const metrics = createMetrics(createFakeClock());
  const families = async () => (await metrics.render()).match(/^# TYPE .*/gm);
  const ofOther = await families();
  const status = { conditions: [{ reason: "Issued" }], expirationTime: "2027-01-01T00:00:00Z" };
  metrics.show({ resources: () => [{ status } as unknown as PullSecret], waiting: () => 0 });
  expect(await families()).toEqual(ofOther);
  return metrics.render();
}

describe.each([
  ["the built daemon", "ocir_broker", daemonMetrics],
  ["the controller of pull secrets", "ocir_pull_secrets", controllerMetrics],
] as const)("/metrics of %s", (_what, program, expose) => {
  let text: Promise<string> | undefined;
  /** Asked for by the first test. */
  const exposed = (): Promise<string> => (text ??= expose());
  const documented = documentedMetrics(program);

  it.skipIf(!hasPromtool)(`passes promtool check metrics${promtoolNote}`, async () => {
    expect(promtool(["check", "metrics"], await exposed())).toEqual({ status: 0, output: "" });
  });

  it("contains exactly the metrics of docs/metrics.md, with their types", async () => {
    const typesOf = (metrics: ReadonlyMap<string, { type: string }>) =>
      Object.fromEntries([...metrics].map(([name, { type }]) => [name, type]).sort());
    expect(typesOf(familiesOf(await exposed()))).toEqual(typesOf(documented));
  });

  it("has the labels and label values of docs/metrics.md, and each registry host that was served", async () => {
    const families = familiesOf(await exposed());
    for (const [name, { type, labels }] of documented) {
      const seen = families.get(name)?.labels ?? new Map<string, Set<string>>();
      expect([...seen.keys()].sort(), name).toEqual([...labels.keys()].sort());
      for (const [label, values] of labels) {
        if (values.includes("any")) continue;
        const isHost = (value: string) => values.includes("host") && REGISTRY_HOSTS.includes(value);
        const closed = [...(seen.get(label) ?? [])].filter((value) => !isHost(value));
        const expected = values.filter((value) => value !== "host");
        // A histogram's series exist after the first observation, everything else from the start.
        if (type === "histogram") expect(expected, `${name} ${label}`).toEqual(expect.arrayContaining(closed));
        else expect(closed.sort(), `${name} ${label}`).toEqual(expected.sort());
      }
    }
    const ofTokens = program === "ocir_broker" ? ["expiry", "obtained", "last_success"] : [];
    for (const gauge of ofTokens) {
      const family = families.get(`ocir_broker_token_${gauge}_timestamp_seconds`);
      expect(family?.labels.get("registry")).toEqual(new Set(REGISTRY_HOSTS));
    }
  });
});
