/**
 * A removal restores the node's state from before ocir-broker, whatever happened in between: upgrades, kills at every step,
 * another provider's return, an administrator's changes. A restarted kubelet always starts.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { type Archive, type Archives, settingsOnRunningNode } from "./install/archives.ts";
import { EARLIER_CONFIG, EARLIER_FLAGS, EARLIER_PROVIDER, putEarlierProvider } from "./install/earlier-provider.ts";
import { givenNode } from "./install/given-node.ts";
import { runKilledAt } from "./install/killed-at-step.ts";
import { installAndConnect, installCommand, PROGRAM, runNode } from "./install/node-program.ts";
import { snapshotOf } from "./install/node-snapshot.ts";
import { CONFIG, KUBELET_VERSION, type OkeNode, PLUGIN, SCRIPT } from "./install/oke-node.ts";
import { kubeletReport, restartKubelet, startKubelet } from "./install/running-kubelet.ts";
import { isLongRun } from "./long-run.ts";
import { providerConfig } from "./simulated-node.ts";
import { canBootSystemd, type ExecResult } from "./systemd-root/index.ts";

const OTHER_CONFIG = EARLIER_CONFIG.slice(0, EARLIER_CONFIG.indexOf("- name: credential-provider-oke"));
const FLAGS = EARLIER_FLAGS.replace(/\/$/, "");
const EARLIER_JSON = providerConfig({ name: "credential-provider-oke", matchImages: ["*.ocir.io"] });
/** Interval of the tested steps. */
const INSTALL_STRIDE = 11;
const REMOVAL_STRIDE = 9;

describeUnless(canBootSystemd(), "installation and removal", () => {
  let node: OkeNode;
  let archives: Archives;

  givenNode((booted, made) => {
    node = booted;
    archives = made;
  });

  const read = (path: string): string => node.root.read(path).toString();
  const settings = () => settingsOnRunningNode(archives.good);
  const connect = (config: string, binDir: string, version: string, ...args: string[]) =>
    runNode(node, "connect", "--kubelet-config", config, "--bin-dir", binDir, "--kubelet-version", version, ...args);

  async function install(archive: Archive = archives.good): Promise<void> {
    const run = await installAndConnect(node, archive);
    expect(run.exitCode, run.stderr).toBe(0);
  }

  async function uninstall(): Promise<ExecResult> {
    const result = await runNode(node, "remove");
    expect(result.exitCode, result.stderr).toBe(0);
    return result;
  }

  async function isThere(path: string): Promise<boolean> {
    return (await node.root.exec("test", ["-e", path])).exitCode === 0;
  }

  it("restore every byte after upgrades, with no failed pull", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    await kubeletReport(node, ({ earlier }) => earlier > 5);
    const before = await snapshotOf(node);
    await node.installByHand(archives.older);
    await install();
    await install();
    await connectOtherwise();
    await kubeletReport(node, ({ ours }) => ours > 5);
    const { earlier } = await kubeletReport(node);
    // Files that an earlier .deb has left.
    await node.root.run("sh", ["/opt/checkout/packages/packaging/files/deb-postrm", "purge"]);
    await uninstall();
    expect(await snapshotOf(node)).toBe(before);
    expect(await kubeletReport(node, (report) => report.earlier > earlier + 5)).toMatchObject({
      none: 0,
      failures: [],
    });
    await restartKubelet(node);
    expect(await kubeletReport(node, (report) => report.earlier > 5)).toMatchObject({ ours: 0, failures: [] });
  });

  /** Its configuration differs. */
  async function connectOtherwise(): Promise<void> {
    const first = read(CONFIG);
    const run = await connect(CONFIG, "/usr/local/bin", "Kubernetes v1.34.1", "--service-accounts", "audience");
    expect(run.exitCode, run.stderr).toBe(0);
    expect(read(CONFIG)).not.toBe(first);
  }

  it.each([
    ["by the script", `sh ${SCRIPT}`],
    [
      "by hand",
      `tar xzf "$OCIR_BROKER_SOURCES"/*.tar.gz -C /run && /run/ocir-broker-*/install.sh &&
        ${PROGRAM} node connect`,
    ],
  ])("install files that every user can read, whatever the umask, %s", async (_how, command) => {
    await node.root.run("sh", ["-c", `umask 077 && ${command}`], { env: settings() });
    const ours =
      "/usr/libexec/ocir-broker /usr/share/doc/ocir-broker /usr/share/man/man1 /etc/ocir-broker /etc/kubernetes";
    const unreadable = `find -L ${ours} /usr/lib/systemd/system /usr/local/bin ! -perm -444 -o -type d ! -perm -555`;
    expect(await node.root.run("sh", ["-c", unreadable])).toBe("");
  });

  it("restore a directory of configurations, with the plugins elsewhere", async () => {
    node.root.write(KUBELET_VERSION, "Kubernetes v1.34.0\n");
    node.root.write("/etc/kubernetes/providers/10-other.yaml", OTHER_CONFIG);
    node.root.write("/etc/kubernetes/providers/20-oke.json", EARLIER_JSON, 0o600);
    node.root.write("/etc/kubernetes/providers/README", "not a configuration\n");
    node.root.write("/opt/plugins/credential-provider-oke", EARLIER_PROVIDER, 0o755);
    node.root.write("/opt/plugins/other-provider", "#!/bin/sh\n", 0o755);
    await startKubelet(
      node,
      "--image-credential-provider-config /etc/kubernetes/providers --image-credential-provider-bin-dir /opt/plugins/",
    );
    await kubeletReport(node, ({ earlier }) => earlier > 5);
    const before = await snapshotOf(node);
    await install();
    expect(read("/etc/kubernetes/providers/10-other.yaml")).toBe(OTHER_CONFIG);
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ earlier: 0, failures: [] });
    await uninstall();
    expect(await snapshotOf(node)).toBe(before);
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ earlier }) => earlier > 5)).toMatchObject({ ours: 0, failures: [] });
  });

  it("restore everything when an installation is killed whose child process continues", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const before = await snapshotOf(node);
    // With one rename left.
    const hang = `#!/bin/sh
case $2 in ${CONFIG}.ocir-broker-new) : >/run/hangs; until [ -e /run/goes-on ]; do sleep 0.1; done ;; esac
`;
    await node.root.run("rm", ["-f", "/run/hangs", "/run/goes-on"]);
    node.root.write("/usr/sbin/restorecon", hang, 0o755);
    try {
      const command = await installCommand(node, archives.good);
      const leader = 'echo $$ >/run/leader; exec "$@"';
      const run = node.root.exec("sh", ["-c", leader, "sh", ...command]);
      await node.root.run("sh", ["-c", "until [ -e /run/hangs ]; do sleep 0.1; done; kill -s KILL $(cat /run/leader)"]);
      await run;
      expect(await runNode(node, "remove", "--unfinished")).toMatchObject({ exitCode: 0 });
      await node.root.run("touch", ["/run/goes-on"]);
      expect(await snapshotOf(node)).toBe(before);
    } finally {
      await node.root.run("rm", ["/usr/sbin/restorecon"]);
    }
  });

  it("restore everything when Ctrl-C ends an installation", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const before = await snapshotOf(node);
    const command = await installCommand(node, archives.good);
    // While it waits for the daemon.
    node.root.write("/run/systemd/system/ocir-broker.service.d/slow.conf", "[Service]\nExecStartPre=/bin/sleep 5\n");
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
    expect(await snapshotOf(node)).toBe(before);
  });

  it("leave a kubelet that starts when it names the configuration through a symbolic link", async () => {
    const named = "/etc/kubernetes/providers.yaml";
    await startKubelet(
      node,
      `--image-credential-provider-config=${named} --image-credential-provider-bin-dir=/usr/local/bin`,
    );
    await node.root.run("systemctl", ["stop", "kubelet"]);
    const link = "mkdir -p /opt/plugins && rm -rf /etc/kubernetes && ln -s /opt/plugins /etc/kubernetes";
    await node.root.run("sh", ["-c", link]);
    await install();
    await uninstall();
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ none }) => none > 2)).toMatchObject({ failures: [] });
  });

  it.each(["/usr/local/bin", "/opt/plugins"])(
    "leave a kubelet that names %s able to start after each removal, and nothing once it names no provider",
    async (binDir) => {
      // Its unit is rewritten.
      const snapshot = async () => (await snapshotOf(node)).replace(/^.*kubelet\.service.*\n/gm, "");
      await startKubelet(node, "--v=4");
      const before = await snapshot();
      for (const _time of ["first", "second"]) {
        await install();
        await connect(CONFIG, binDir, "Kubernetes v1.33.1");
        await startKubelet(node, FLAGS.replace("/usr/local/bin", binDir));
        await restartKubelet(node);
        await kubeletReport(node, ({ ours }) => ours > 5);
        const { stderr } = await uninstall();
        expect(stderr).toContain(`${CONFIG} stays: a kubelet still names it`);
        expect(stderr).not.toContain(`${CONFIG}: as it was before`);
        await restartKubelet(node);
        expect(await kubeletReport(node, ({ none }) => none > 5)).toMatchObject({ ours: 0, failures: [] });
      }
      await startKubelet(node, "--v=4");
      await restartKubelet(node);
      await install();
      await uninstall();
      expect(await snapshot()).toBe(before);
    },
  );

  it("name a file that cannot be restored, restore the others, and restore it at the next removal", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const before = await snapshotOf(node);
    await install();
    await node.root.run("mount", ["--bind", CONFIG, CONFIG]);
    const removal = await runNode(node, "remove");
    await node.root.run("umount", [CONFIG]);
    expect([removal.exitCode, removal.stderr]).toEqual([1, expect.stringContaining(`${CONFIG} cannot be restored`)]);
    expect(node.root.read(PLUGIN)).toEqual(EARLIER_PROVIDER);
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ earlier }) => earlier > 5)).toMatchObject({ ours: 0, failures: [] });
    await uninstall();
    expect(await snapshotOf(node)).toBe(before);
  });

  it("change nothing when a connection cannot write the configuration", async () => {
    putEarlierProvider(node);
    node.root.write("/opt/plugins/credential-provider-oke", EARLIER_PROVIDER, 0o755);
    node.root.write("/opt/plugins/other-provider", "#!/bin/sh\n", 0o755);
    await node.installByHand(archives.good);
    const before = await snapshotOf(node);
    await node.root.run("mount", ["--bind", CONFIG, CONFIG]);
    const run = await connect(CONFIG, "/opt/plugins", "Kubernetes v1.34.1", "--service-accounts", "ocir");
    await node.root.run("umount", [CONFIG]);
    expect([run.exitCode, run.stderr]).toEqual([1, expect.stringMatching(/^ocir-broker: connect: .*mount point/m)]);
    expect(await snapshotOf(node)).toBe(before);
  });

  it.each([
    ["by a rename", `mv /run/theirs ${PLUGIN}`],
    ["through the link", `cat /run/theirs >${PLUGIN}; rm /run/theirs`],
  ])("restore what another provider wrote later, but not through our link: %s", async (_how, put) => {
    putEarlierProvider(node);
    await install();
    const laterConfig = EARLIER_CONFIG.replace("55m", "50m");
    const laterProvider = Buffer.concat([EARLIER_PROVIDER, Buffer.from("later")]);
    node.root.write("/run/theirs", laterProvider, 0o755);
    await node.root.run("sh", ["-c", put]);
    node.root.write(CONFIG, laterConfig);
    await install();
    await startKubelet(node, EARLIER_FLAGS);
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ earlier: 0, failures: [] });
    await uninstall();
    expect(read(CONFIG)).toBe(laterConfig);
    // Our own file's changes were never in another file.
    expect(node.root.read(PLUGIN)).toEqual(put.startsWith("mv") ? laterProvider : EARLIER_PROVIDER);
  });

  if (isLongRun) {
    /** Kills a command at its steps, each time on a new node, whose kubelet must start. */
    async function sweep(
      stride: number,
      arrange: () => Promise<void>,
      command: () => Promise<readonly string[]>,
      verify: (when: string) => Promise<void>,
    ): Promise<void> {
      const seen: number[] = [];
      for (let step = 1; ; step += stride) {
        await node.renew();
        await arrange();
        if ((await runKilledAt(node, step, await command())) < step) break;
        seen.push(step);
        await restartKubelet(node);
        expect(await kubeletReport(node), `killed at ${step}`).toMatchObject({ failures: [] });
        await verify(`killed at ${step}`);
      }
      process.stdout.write(`killed before each of the changes ${seen.join(" ")}\n`);
      expect(seen.length).toBeGreaterThan(4);
    }

    it("lose nothing when a killed installation is run again", async () => {
      let before = "";
      const arrange = async () => {
        putEarlierProvider(node);
        await startKubelet(node, EARLIER_FLAGS);
        before = await snapshotOf(node);
      };
      const command = () => installCommand(node, archives.good);
      await sweep(INSTALL_STRIDE, arrange, command, async (when) => {
        const report = await kubeletReport(node, ({ ours, earlier }) => ours + earlier > 3);
        expect(report, when).toMatchObject({ failures: [] });
        await install();
        await kubeletReport(node, ({ ours }) => ours > 3);
        await uninstall();
        expect(await snapshotOf(node), when).toBe(before);
      });
    });

    it.each([
      ["with an earlier provider", EARLIER_FLAGS, true],
      ["with a kubelet that names it and nothing before", FLAGS, false],
    ])("restore everything when a killed removal is run again: %s", async (_what, flags, isEarlier) => {
      const arrange = async () => {
        if (isEarlier) putEarlierProvider(node);
        await install();
        await startKubelet(node, flags);
        await kubeletReport(node);
      };
      await sweep(
        REMOVAL_STRIDE,
        arrange,
        async () => [PROGRAM, "node", "remove"],
        async (when) => {
          if (await isThere(PROGRAM)) await uninstall();
          await restartKubelet(node);
          expect(await kubeletReport(node), when).toMatchObject({ ours: 0, failures: [] });
          expect(await isThere("/usr/libexec/ocir-broker"), when).toBe(false);
          if (isEarlier)
            expect([read(CONFIG), node.root.read(PLUGIN)], when).toEqual([EARLIER_CONFIG, EARLIER_PROVIDER]);
        },
      );
    });
  }
});
