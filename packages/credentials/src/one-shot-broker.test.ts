import { clusterSection, configOf, daemonSections } from "@ocir-broker/config/test/config";
import { type Clock, createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { describe, expect, it, onTestFinished } from "vitest";
import { passwordIn, requestFor } from "../test/kubelet-request.ts";
import { createOneShotBroker } from "./one-shot-broker.ts";

const HOST = "icn.ocir.io";

const simulator = await sharedSimulator();

interface StartOptions {
  readonly limitMs?: number;
  readonly clock?: Clock;
  readonly sections?: object;
  readonly environment?: NodeJS.ProcessEnv;
}

function start({ limitMs = 10_000, clock = createSystemClock(), sections = {}, environment = {} }: StartOptions = {}) {
  const folder = temporaryFolder();
  const config = configOf({
    ...daemonSections(simulator, folder, [HOST]),
    serviceAccounts: clusterSection(simulator, folder),
    ...sections,
  });
  const broker = createOneShotBroker({ config, environment, clock, random: () => 0.5, limitMs });
  onTestFinished(() => broker.close());
  return broker;
}

const tokenOf = (serviceAccount: string) => simulator.serviceAccountToken({ namespace: "shop", serviceAccount });

describe("createOneShotBroker", () => {
  it("serves concurrent requests with one token, and requests nothing else", async () => {
    const broker = start();
    const images = Array.from({ length: 20 }, (_, index) => `${HOST}/acme/app-${index}`);
    const responses = await Promise.all(images.map((image) => broker.decide(requestFor(image))));
    expect(new Set(responses.map(({ body }) => String(body))).size).toBe(1);
    expect(passwordIn(responses[0] ?? expect.unreachable(), HOST)).toMatch(/^ey/);
    const asked = Object.entries(simulator.requests()).filter(([, count]) => count > 0);
    expect(Object.fromEntries(asked)).toEqual({
      "metadata.cert": 1,
      "metadata.key": 1,
      "metadata.intermediate": 1,
      "auth.x509": 1,
      "registry.token": 1,
    });
  });

  it("exchanges a pod's token like the daemon, and fails closed", async () => {
    const broker = start();
    const ask = async (serviceAccount: string) =>
      broker.decide(requestFor(`${HOST}/acme/app`, { serviceAccountToken: await tokenOf(serviceAccount) }));
    expect(await ask("puller")).toMatchObject({ outcome: "miss", identity: "service-account" });
    simulator.clusterType("basic");
    expect(await ask("other")).toMatchObject({ outcome: "anonymous", error: { code: "cluster-basic" } });
    expect(simulator.requests()["auth.x509"]).toBe(0);
  });

  it("refuses root's credential helper while service accounts are on, unless the configuration lets it have the token", async () => {
    const ask = async (settings: object) => {
      const serviceAccounts = { tokenExchange: "oke", ...settings };
      return (await start({ sections: { serviceAccounts } }).decideForDocker(Buffer.from(HOST))).outcome;
    };
    expect(await ask({})).toBe("refused");
    expect(simulator.requests()["registry.token"]).toBe(0);
    expect(await ask({ rootHelper: "node" })).toBe("miss");
    expect(await ask({ tokenExchange: "none" })).toBe("miss");
  });

  it.each([
    ["the given time", 300, "15s", 300],
    ["a shorter request.deadline", 20_000, "5s", 5_000],
  ])("waits no longer than %s", async (_what, limitMs, deadline, waitMs) => {
    const clock = createFakeClock();
    const broker = start({ limitMs, clock, sections: { request: { deadline } } });
    simulator.faults({ endpoint: "*", hang: "before-headers" });
    let response: unknown;
    void broker.decide(requestFor(`${HOST}/acme/app`)).then((decided) => (response = decided));
    await until("a service has the request", () => Object.values(simulator.requests()).some((count) => count > 0));
    await clock.advance(waitMs);
    expect(response).toMatchObject({ outcome: "error", error: { row: { kind: "transient" } } });
  });

  it("serves a token without a probe, even if access to the repository is not granted", async () => {
    const broker = start();
    simulator.iam({ granted: false, repository: "acme/app" });
    for (const outcome of ["miss", "hit"])
      expect(await broker.decide(requestFor(`${HOST}/acme/app`))).toMatchObject({ outcome });
    expect(simulator.requests()["registry.manifest"]).toBe(0);
  });

  it.each([
    ["no unit", {}],
    ["the kubelet's unit, which passes another secret", { CREDENTIALS_DIRECTORY: temporaryFolder() }],
  ])("reports that only the daemon can read a systemd credential, in a process of %s", async (_, environment) => {
    const sections = {
      serviceAccounts: { tokenExchange: "identity-domain" },
      identityDomain: { url: "https://domain.test", authorization: "client", clientId: "app" },
    };
    const broker = start({ sections, environment });
    const serviceAccountToken = await tokenOf("puller");
    const response = await broker.decide(requestFor(`${HOST}/acme/app`, { serviceAccountToken }));
    expect(response).toMatchObject({ outcome: "anonymous", error: { code: "domain-secret-missing" } });
  });
});
