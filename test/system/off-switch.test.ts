/** `ocir-broker disable` on a running node: no credentials at once, also after an upgrade, and everything back with `enable`. */
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { until } from "@ocir-broker/testkit/until";
import { expect, it } from "vitest";
import { expectAlerts } from "../monitoring/expect-alerts.ts";
import { hasPromtool } from "../monitoring/promtool.ts";
import { describeUnless } from "./describe-unless.ts";
import { givenNode } from "./install/given-node.ts";
import { PLUGIN } from "./install/oke-node.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

const BROKER = "/usr/local/bin/ocir-broker";
const UNITS = ["ocir-broker.service", "ocir-broker.socket"];
const METRIC = "/run/ocir-broker-metrics/ocir_broker_disabled.prom";
const TOKENS = "/run/private/ocir-broker-state";
const DAY_MINUTES = 1_440;
const REQUEST = credentialProviderRequest({ image: "us-ashburn-1.ocir.io/acme/web:1" });

describeUnless(canBootSystemd(), "the off switch", () => {
  const node = givenNode();

  const sh = (script: string) => node.root.exec("sh", ["-c", script]);
  const answer = async () => JSON.parse((await sh(`echo '${REQUEST}' | ${PLUGIN}`)).stdout).auth;
  const states = async (what: string) =>
    (await node.root.exec("systemctl", [what, ...UNITS])).stdout.trim().split("\n");

  async function expectOff(): Promise<void> {
    expect(await answer()).toEqual({});
    expect(await states("is-enabled")).toEqual(["masked", "masked"]);
    expect(await states("is-active")).toEqual(["inactive", "inactive"]);
    expect((await sh(`ls ${TOKENS}`)).stdout).toBe("");
  }

  it("stops credentials, reports that, persists over a boot and an upgrade, and is removed by uninstalling", async () => {
    await node.installAndConnect();
    await until("it has credentials", async () => Object.keys(await answer()).length > 0);
    expect(await node.root.run("ls", [TOKENS])).toBe("state");
    expect((await sh(`setpriv --reuid=65534 --clear-groups ${BROKER} disable`)).exitCode).toBe(1);
    await node.root.run(BROKER, ["disable"]);
    await expectOff();
    expect(await node.root.run(BROKER, ["status"])).toMatch(/^switched off since \d{4}-\S+Z: /);
    expect(JSON.parse(await node.root.run(BROKER, ["status", "--output", "json"]))).toMatchObject({
      ...{ status: "disabled", version: expect.any(String), disabledSince: expect.any(String) },
    });
    expect(await node.root.exec(BROKER, ["get", "us-ashburn-1.ocir.io/acme/web"])).toMatchObject({
      stdout: expect.stringContaining("BEARER_TOKEN"),
      stderr: expect.stringContaining("switched-off: "),
    });
    expect(await node.root.run("cat", [METRIC])).toBe("# TYPE ocir_broker_disabled gauge\nocir_broker_disabled 1");
    // As at a boot.
    await node.root.run("rm", [METRIC]);
    await node.root.run("systemd-tmpfiles", ["--create"]);
    const metric = await node.root.run("cat", [METRIC]);
    expect(metric).toContain("ocir_broker_disabled 1");
    if (hasPromtool)
      expectAlerts("ocir_broker", { scrapes: Array(DAY_MINUTES + 5).fill(metric) }, ["OcirBrokerDisabled"]);
    expect(await node.runNode("install")).toMatchObject({ exitCode: 0 });
    await expectOff();

    await node.root.run(BROKER, ["enable"]);
    await until("it has credentials", async () => Object.keys(await answer()).length > 0);
    expect(await states("is-enabled")).toEqual(["enabled", "enabled"]);
    const left = "/etc/ocir-broker/disabled /etc/tmpfiles.d/ocir-broker-disabled.conf";
    expect((await sh(`ls ${METRIC} ${left}`)).stdout).toBe("");

    await node.root.run(BROKER, ["disable"]);
    expect(await node.runNode("remove")).toMatchObject({ exitCode: 0 });
    expect((await sh(`ls ${PLUGIN} /etc/systemd/system/ocir-broker* ${left}`)).stdout).toBe("");
    const [unpacked] = await node.installCommand();
    expect(await node.root.exec(unpacked, ["status"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/not-installed: .*Installing ocir-broker/),
    });
  });
});
