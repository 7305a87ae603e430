/**
 * A removal restores the node's state from before ocir-broker, with a real service manager: upgrades, also one whose daemon does not
 * start, crashes or does not answer, a child process that outlives its installer, Ctrl-C, mount points, spaces. Kills at each change,
 * and each state of the files: packages/installer/src/commands/commands.test.ts.
 */
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { settingsFor } from "./install/archives.ts";
import { EARLIER_FLAGS, EARLIER_PROVIDER, putEarlierProvider } from "./install/earlier-provider.ts";
import { givenNode } from "./install/given-node.ts";
import { CONFIG, PLUGIN, PROGRAM, SCRIPT } from "./install/oke-node.ts";
import { EXTRA_ARGS, kubeletReport, restartKubelet, startKubelet } from "./install/running-kubelet.ts";
import { canBootSystemd } from "./systemd-root/systemd-root.ts";

const UNIT = "root/usr/lib/systemd/system/ocir-broker.service";
const NEW_SUM = `sum=$(sha256sum ${UNIT}) && sed -i "\\| ${UNIT}$|s|.*|$sum|" SHA256SUMS`;
const REQUEST = credentialProviderRequest({ image: "us-ashburn-1.ocir.io/acme/web:1" });

describeUnless(canBootSystemd(), "installation and removal", () => {
  const node = givenNode();

  const read = (path: string): string => node.root.read(path).toString();
  const uninstall = () => node.root.run(PROGRAM, ["node", "remove"]);
  const connect = (config: string, binDir: string, version: string, ...args: string[]) =>
    node.runNode("connect", "--kubelet-config", config, "--bin-dir", binDir, "--kubelet-version", version, ...args);

  it("restore every byte after upgrades, with no failed pull", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    await kubeletReport(node, ({ earlier }) => earlier > 5);
    const before = await node.snapshot();
    await node.installByHand(node.archives.older);
    await node.installAndConnect();
    await node.installAndConnect();
    const config = read(CONFIG);
    const otherwise = await connect(CONFIG, "/usr/local/bin", "Kubernetes v1.34.1", "--service-accounts", "audience");
    expect(otherwise.exitCode, otherwise.stderr).toBe(0);
    expect(read(CONFIG)).not.toBe(config);
    await kubeletReport(node, ({ ours }) => ours > 5);
    const { earlier } = await kubeletReport(node);
    // Files that an earlier .deb has left.
    await node.root.run("sh", ["/opt/checkout/packages/packaging/nfpm/postremove", "purge"]);
    await uninstall();
    expect(await node.snapshot()).toBe(before);
    expect(await kubeletReport(node, (report) => report.earlier > earlier + 5)).toMatchObject({
      none: 0,
      failures: [],
    });
    await restartKubelet(node);
    expect(await kubeletReport(node, (report) => report.earlier > 5)).toMatchObject({ ours: 0, failures: [] });
  });

  it.each([
    ["by the script", `sh ${SCRIPT}`],
    [
      "by hand",
      `tar xzf "$OCIR_BROKER_SOURCES"/*.tar.gz -C /run && /run/ocir-broker-*/install.sh &&
        ${PROGRAM} node connect`,
    ],
  ])("install files that every user can read, whatever the umask, %s", async (_how, command) => {
    const env = { ...settingsFor(node.archives.good), OCIR_BROKER_BOOTSTRAP: "running" };
    await node.root.run("sh", ["-c", `umask 077 && ${command}`], { env });
    const ours = "/usr/libexec/ocir-broker /etc/ocir-broker /etc/kubernetes";
    const unreadable = `find -L ${ours} /usr/lib/systemd/system /usr/local/bin ! -perm -444 -o -type d ! -perm -555`;
    expect(await node.root.run("sh", ["-c", unreadable])).toBe("");
  });

  it("restore everything when an installation is killed whose child process continues", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const before = await node.snapshot();
    // With one rename left.
    const hang = `#!/bin/sh
case $2 in ${CONFIG}.ocir-broker-new) : >/run/hangs; until [ -e /run/goes-on ]; do sleep 0.1; done ;; esac
`;
    await node.root.run("rm", ["-f", "/run/hangs", "/run/goes-on"]);
    node.root.write("/usr/sbin/restorecon", hang, 0o755);
    try {
      const command = await node.installCommand();
      const leader = 'echo $$ >/run/leader; exec "$@"';
      const run = node.root.exec("sh", ["-c", leader, "sh", ...command]);
      await node.root.run("sh", ["-c", "until [ -e /run/hangs ]; do sleep 0.1; done; kill -s KILL $(cat /run/leader)"]);
      await run;
      expect(await node.runNode("remove")).toMatchObject({ exitCode: 0 });
      await node.root.run("touch", ["/run/goes-on"]);
      expect(await node.snapshot()).toBe(before);
    } finally {
      await node.root.run("rm", ["/usr/sbin/restorecon"]);
    }
  });

  it("restore everything when Ctrl-C ends an installation", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const before = await node.snapshot();
    const command = await node.installCommand();
    // While it waits for the daemon. `+`: the unit permits no other program.
    node.root.write("/run/systemd/system/ocir-broker.service.d/slow.conf", "[Service]\nExecStartPre=+/bin/sleep 5\n");
    try {
      const leader = 'echo $$ >/run/leader; exec "$@"';
      const run = node.root.exec("setsid", ["--wait", "sh", "-c", leader, "sh", ...command]);
      const interrupt = "until systemctl is-active ocir-broker.service | grep -q activating; do sleep 0.1; done";
      await node.root.run("sh", ["-c", `${interrupt}; kill -s INT -- -$(cat /run/leader)`]);
      expect(await run).toMatchObject({ exitCode: 1 });
    } finally {
      await node.root.run("rm", ["-r", "/run/systemd/system/ocir-broker.service.d"]);
      await node.root.run("systemctl", ["daemon-reload"]);
    }
    expect(await node.snapshot()).toBe(before);
  });

  it("change nothing when a connection cannot write the configuration", async () => {
    putEarlierProvider(node);
    node.root.write("/opt/plugins/credential-provider-oke", EARLIER_PROVIDER, 0o755);
    node.root.write("/opt/plugins/other-provider", "#!/bin/sh\n", 0o755);
    await node.installByHand(node.archives.good);
    const before = await node.snapshot();
    await node.root.run("mount", ["--bind", CONFIG, CONFIG]);
    const run = await connect(CONFIG, "/opt/plugins", "Kubernetes v1.34.1", "--service-accounts", "ocir");
    await node.root.run("umount", [CONFIG]);
    expect([run.exitCode, run.stderr]).toEqual([1, expect.stringMatching(/^ocir-broker: connect: .*mount point/m)]);
    expect(await node.snapshot()).toBe(before);
  });

  it("support spaces in paths, in the printed line and in a removal", async () => {
    const config = "/etc/kubernetes/of ours/providers.yaml";
    const connectOurs = async () => {
      const { stdout } = await connect(config, "/opt/plugins/of ours", "Kubernetes v1.33.1");
      return stdout.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []);
    };
    await startKubelet(node, "--v=4");
    await node.installAndConnect();
    node.root.write(EXTRA_ARGS, `[Service]\n${(await connectOurs())[1]?.trim()}\n`);
    await restartKubelet(node);
    await kubeletReport(node, ({ ours }) => ours > 5);
    expect(await connectOurs()).toEqual([`nothing to do: it has the flags, and has read ${config} as it is`]);
    await uninstall();
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ none }) => none > 5)).toMatchObject({ ours: 0, failures: [] });
  });

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
  ])("go back to the previous version, with the reason, when an upgrade's service %s", async (_what, lines, reason) => {
    await node.installAndConnect();
    const before = await node.snapshot();
    const folder = await node.unpack(node.archives.older);
    const service = `[Unit]\nRequires=ocir-broker.socket\n[Service]\nType=notify\nSockets=ocir-broker.socket
ExecStart=/usr/local/libexec/ocir-broker-launch /usr/local/bin/ocir-broker serve\nRestart=always\nRestartSec=100ms\n${lines}
[Install]\nWantedBy=kubelet.service\nAlso=ocir-broker.socket\n`;
    node.root.write(`${folder}/${UNIT}`, service);
    await node.root.run("sh", ["-c", `cd ${folder} && ${NEW_SUM}`]);
    const upgrade = await node.root.exec(`${folder}/install.sh`, [], { timeoutMs: 120_000 });
    expect([upgrade.exitCode, upgrade.stderr]).toEqual([1, expect.stringMatching(reason)]);
    expect(upgrade.stderr).toContain("the previous version is restored");
    expect(await node.snapshot()).toBe(before);
    const { auth } = JSON.parse(await node.root.run(PLUGIN, [], { input: REQUEST }));
    expect(Object.keys(auth)).not.toEqual([]);
  });
});
