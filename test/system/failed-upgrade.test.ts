/** An upgrade whose daemon does not start, crashes or does not answer goes back to the previous version and its units. */
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { givenNode } from "./install/given-node.ts";
import { installAndConnect } from "./install/node-program.ts";
import { snapshotOf } from "./install/node-snapshot.ts";
import { PLUGIN } from "./install/oke-node.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const UNIT = "usr/lib/systemd/system/ocir-broker.service";
const REQUEST = credentialProviderRequest({ image: "us-ashburn-1.ocir.io/acme/web:1" });
const NEW_SUM = `sum=$(sha256sum ${UNIT}) && sed -i "\\| ${UNIT}$|s|.*|$sum|" SHA256SUMS`;

describeUnless(canBootSystemd(), "an upgrade", () => {
  const node = givenNode();

  it.each([
    ["has an unknown user (217)", "User=no-such-user", /^ocir-broker: service: .*ExecMainStatus=217/m],
    [
      "crashes after its start",
      "Type=exec\nExecStart=\nExecStart=/bin/sh -c 'sleep 1; exit 3'",
      /^ocir-broker: plugin: the plugin ended with /m,
    ],
    [
      "does not answer",
      "Type=exec\nExecStart=\nExecStart=/bin/sleep 3600",
      /^ocir-broker: plugin: the plugin ended with /m,
    ],
  ])("goes back to the previous version, with the reason, when the service %s", async (_what, lines, reason) => {
    await installAndConnect(node);
    const before = await snapshotOf(node);
    const folder = await node.unpack(node.archives.older);
    const service = `[Unit]\nRequires=ocir-broker.socket\n[Service]\nType=notify\nSockets=ocir-broker.socket
ExecStart=/usr/local/libexec/ocir-broker-launch /usr/local/bin/ocir-broker serve\nRestart=always\nRestartSec=100ms\n${lines}
[Install]\nWantedBy=kubelet.service\nAlso=ocir-broker.socket\n`;
    node.root.write(`${folder}/${UNIT}`, service);
    await node.root.run("sh", ["-c", `cd ${folder} && ${NEW_SUM}`]);
    const upgrade = await node.root.exec(`${folder}/install.sh`, [], { timeoutMs: 120_000 });
    expect([upgrade.exitCode, upgrade.stderr]).toEqual([1, expect.stringMatching(reason)]);
    expect(upgrade.stderr).toContain("the previous version is restored");
    expect(await snapshotOf(node)).toBe(before);
    const { auth } = JSON.parse(await node.root.run(PLUGIN, [], { input: REQUEST }));
    expect(Object.keys(auth)).not.toEqual([]);
  });
});
