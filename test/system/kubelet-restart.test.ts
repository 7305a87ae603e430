/**
 * `node connect|disconnect --kubelet-flags --restart` with a real systemd and a stand-in for a kubelet. Each way that it can end:
 * packages/installer/src/kubelet-restart.test.ts.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { givenNode } from "./install/given-node.ts";
import { EXTRA_ARGS, kubeletReport, startKubelet } from "./install/running-kubelet.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

const DROP_IN = "/etc/systemd/system/kubelet.service.d/zz-test.conf";
/** Long enough for three starts on a busy machine. */
const LIMIT = "20";

describeUnless(canBootSystemd(), "a restart of the kubelet with its flags", () => {
  const node = givenNode();
  const extraArgs = () => node.root.read(EXTRA_ARGS).toString();
  const connect = () => node.runNode("connect", "--kubelet-flags", "--restart", "--limit", LIMIT);
  const startOf = () => node.root.property("kubelet", "ExecMainStartTimestampMonotonic");

  async function givenKubelet(): Promise<string> {
    await startKubelet(node, "--v=4");
    await node.installAndConnect();
    return extraArgs();
  }

  it("ends with 0 when it runs with them, restarts no second time, and has its reverse", async () => {
    const before = await givenKubelet();
    expect(await connect()).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("nothing to do") });
    expect(extraArgs()).toContain("--image-credential-provider-config=");
    await kubeletReport(node, ({ ours }) => ours > 5);
    const start = await startOf();
    expect(await connect()).toMatchObject({ exitCode: 0 });
    expect(await startOf()).toBe(start);
    expect(await node.runNode("disconnect", "--kubelet-flags", "--restart", "--limit", LIMIT)).toMatchObject({
      exitCode: 0,
    });
    expect(extraArgs()).toBe(before);
    expect(await startOf()).not.toBe(start);
    expect(await node.root.property("kubelet", "ActiveState")).toBe("active");
  });

  it("ends with 1 when it does not run with them, and it runs again without", async () => {
    const before = await givenKubelet();
    const fails = `case "$KUBELET_EXTRA_ARGS" in *credential-provider*) exit 1 ;; esac`;
    node.root.write(DROP_IN, `[Service]\nExecStartPre=/bin/sh -c '${fails}'\nRestart=always\nRestartSec=1\n`);
    expect(await connect()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^ocir-broker: kubelet-restart: .* they are taken back, and it is restarted/m),
    });
    expect(extraArgs()).toBe(before);
    await node.root.run("sh", ["-c", "until systemctl -q is-active kubelet; do sleep 0.1; done"]);
  });

  it("ends with 75 and leaves them when systemd does not start it yet", async () => {
    await givenKubelet();
    node.root.write(DROP_IN, "[Unit]\nAfter=kubelet-waits-for.service\n");
    const unit = "[Service]\nType=oneshot\nExecStart=/bin/sleep 3600\n";
    node.root.write("/run/systemd/system/kubelet-waits-for.service", unit);
    await node.root.run("systemctl", ["daemon-reload"]);
    await node.root.run("systemctl", ["start", "--no-block", "kubelet-waits-for"]);
    try {
      expect(await connect()).toMatchObject({
        exitCode: 75,
        stderr: expect.stringMatching(/^ocir-broker: kubelet-unseen: systemd has not restarted the kubelet yet/m),
      });
      expect(extraArgs()).toContain("--image-credential-provider-config=");
    } finally {
      await node.root.run("systemctl", ["stop", "kubelet-waits-for"]);
      await node.root.run("rm", ["/run/systemd/system/kubelet-waits-for.service"]);
    }
    await kubeletReport(node, ({ ours }) => ours > 5);
  });
});
