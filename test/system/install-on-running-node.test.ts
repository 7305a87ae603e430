/**
 * The script on a running node: over another provider of the same name while its kubelet pulls, over an older version, and with a
 * kubelet without flags. A restarted kubelet always starts.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { type Archives, VERSION } from "./install/archives.ts";
import { EARLIER_CONFIG, EARLIER_FLAGS, EARLIER_PROVIDER, putEarlierProvider } from "./install/earlier-provider.ts";
import { givenNode } from "./install/given-node.ts";
import { runKilledAt } from "./install/killed-at-step.ts";
import { snapshotOf } from "./install/node-snapshot.ts";
import { CONFIG, type OkeNode, PLUGIN, type Run, SCRIPT } from "./install/oke-node.ts";
import { EXTRA_ARGS, kubeletReport, restartKubelet, startKubelet } from "./install/running-kubelet.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const skipped = canBootSystemd();
const UNINSTALL = "/usr/libexec/ocir-broker/uninstall.sh";

describe.skipIf(skipped !== undefined)(`a node that exists${skipped ? ` (skipped: ${skipped})` : ""}`, () => {
  let node: OkeNode;
  let archives: Archives;

  givenNode((booted, made) => {
    node = booted;
    archives = made;
  });

  const settings = (archive = archives.good) => ({ ...node.settings(archive), OCIR_BROKER_BOOTSTRAP: "running" });
  const install = (archive = archives.good): Promise<Run> => node.install(settings(archive));
  const read = (path: string): string => node.root.read(path).toString();
  const advice = ({ stderr }: Run): string[] =>
    stderr.split("\n").flatMap((line) => /^ocir-broker-node: kubelet: (.*)/.exec(line)?.[1] ?? []);

  describe("with the existing provider, whose kubelet pulls,", () => {
    beforeEach(async () => {
      putEarlierProvider(node);
      await startKubelet(node, `--v=4 ${EARLIER_FLAGS}`);
      await kubeletReport(node, ({ earlier }) => earlier > 10);
    });

    it("gets ours with no failed call, and says that the kubelet is to be restarted until it was", async () => {
      const run = await install();
      expect([run.exitCode, run.kubelet], run.stderr).toEqual([0, undefined]);
      expect(advice(run)).toEqual([
        expect.stringContaining(`restart it when convenient, because ${CONFIG} has changed`),
      ]);
      const report = await kubeletReport(node, ({ ours }) => ours > 10);
      expect(report).toMatchObject({ none: 0, failures: [] });
      expect(advice(await install())).toEqual([expect.stringContaining("restart it when convenient")]);

      // Simulates an hour later, since the configuration's time has whole seconds.
      await node.root.run("touch", ["-d", "1 hour ago", CONFIG]);
      await restartKubelet(node);
      expect(await kubeletReport(node, ({ ours }) => ours > 10)).toMatchObject({ earlier: 0, none: 0, failures: [] });
      expect(advice(await install())).toEqual([expect.stringContaining("nothing to do")]);
    });

    it.each([
      ["a plugin that babbles", /cannot be decoded/, async () => settings(archives.babbling)],
      [
        "a configuration of ours with faults",
        /the configuration has faults/,
        async () => {
          node.root.write("/etc/ocir-broker/config.yaml", "log: {level: loud}\n");
          return settings();
        },
      ],
      [
        "a configuration of the kubelet's that it would not take again",
        /cannot be changed: .*config-/s,
        async () => {
          node.root.write(CONFIG, "providers: none\n");
          return settings();
        },
      ],
    ])("is as it was after a fault: %s", async (_what, reason, arrange) => {
      const faulty = await arrange();
      const before = await snapshotOf(node);
      const run = await node.install(faulty);
      expect([run.exitCode, run.kubelet]).toEqual([1, undefined]);
      expect(run.stderr).toMatch(/ocir-broker-node: FAULT: everything is as it was before: /);
      expect(run.stderr).toMatch(reason);
      expect(await snapshotOf(node)).toBe(before);
      const { earlier } = await kubeletReport(node);
      await kubeletReport(node, (report) => report.earlier > earlier);
    });
  });

  it("without flags says which line to write where, and nothing else is to be done", async () => {
    await startKubelet(node, "--v=4 --max-pods=50");
    const run = await install();
    expect(run.exitCode, run.stderr).toBe(0);
    const [where, line, then] = advice(run);
    expect([where, then]).toEqual([
      expect.stringContaining(`in ${EXTRA_ARGS} change the line`),
      expect.stringContaining("daemon-reload"),
    ]);
    node.root.write(EXTRA_ARGS, read(EXTRA_ARGS).replace(/^Environment=.*$/m, line?.trim() ?? ""));
    expect(advice(await install())[0]).toContain("its unit has the flags");
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ failures: [] });
    expect(
      await node.root.run("sh", ["-c", "tr '\\0' ' ' <\"/proc/$(systemctl show --value -p MainPID kubelet)/cmdline\""]),
    ).toContain(
      ` --config=/etc/kubernetes/kubelet-config.json --image-credential-provider-config=${CONFIG} --image-credential-provider-bin-dir=/usr/local/bin --v=4 --max-pods=50`,
    );
    expect(advice(await install())).toEqual([expect.stringContaining("nothing to do")]);
  });

  it("without flags has nothing of ours after a fault", async () => {
    await startKubelet(node, "--v=4");
    const before = await snapshotOf(node);
    const run = await install(archives.babbling);
    expect([run.exitCode, await snapshotOf(node)]).toEqual([1, before]);
  });

  it("without flags has nothing of ours after a kill while files are copied, and then a fault", async () => {
    await startKubelet(node, "--v=4");
    const before = await snapshotOf(node);
    const list = "/usr/libexec/ocir-broker/ocir-broker-files";
    await runKilledAt(node, list, ["sh", SCRIPT], settings());
    expect(await snapshotOf(node)).toContain(`${list}.ocir-broker-new`);
    const run = await node.install({ ...settings(), OCIR_BROKER_SOURCES: "" });
    expect([run.exitCode, await snapshotOf(node)]).toEqual([1, before]);
  });

  it("may have blanks in its paths, and no ps: the line that is shown is right, and a removal knows what it needs", async () => {
    const config = "/etc/kubernetes/of ours/providers.yaml";
    const binDir = "/opt/plugins/of ours";
    const libexec = "/usr/libexec/ocir-broker";
    const advise = () => node.root.run(`${libexec}/kubelet-advice`, [config, binDir]);
    await startKubelet(node, "--v=4");
    await install();
    await node.root.run(`${libexec}/setup`, ["connect", config, binDir, "Kubernetes v1.33.1"]);
    const line = (await advise()).split("\n")[1]?.replace("kubelet:", "").trim();
    node.root.write(EXTRA_ARGS, `[Service]\n${line}\n`);
    await restartKubelet(node);
    await kubeletReport(node, ({ ours }) => ours > 5);
    await node.root.run("touch", ["-d", "1 hour ago", config]);
    await node.root.run("mv", ["/usr/bin/ps", "/usr/bin/ps.away"]);
    const advised = await advise().finally(() => node.root.run("mv", ["/usr/bin/ps.away", "/usr/bin/ps"]));
    expect(advised).toBe(`kubelet: nothing to do: it has the flags, and has read ${config} as it is`);
    await node.root.run(UNINSTALL);
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ none }) => none > 5)).toMatchObject({ ours: 0, failures: [] });
  });

  it("whose running kubelet names what is gone, gets what it starts with, whatever fails", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    await kubeletReport(node);
    await node.root.run("rm", [PLUGIN, CONFIG]);
    const run = await node.install({ ...settings(), OCIR_BROKER_SOURCES: "" });
    expect(run.exitCode).toBe(1);
    await restartKubelet(node);
    expect(await kubeletReport(node)).toMatchObject({ failures: [] });
  });

  it("with an older version is upgraded, and has that one again after a fault", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    expect((await install(archives.older)).exitCode).toBe(1);
    await node.root.run("sh", [
      "-c",
      "mkdir /run/older && tar xzf $0/*.tar.gz -C /run/older && /run/older/*/install.sh",
      archives.older.folder,
    ]);
    const before = await snapshotOf(node);
    const faulty = await install(archives.babbling);
    expect([faulty.exitCode, faulty.stderr]).toEqual([1, expect.stringContaining("the previous version is restored")]);
    expect(await snapshotOf(node)).toBe(before);
    expect(await node.root.run(PLUGIN, ["--version"])).toBe("credential-provider-oke 0.0.9");

    const run = await install();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(await node.root.run(PLUGIN, ["--version"])).toBe(`credential-provider-oke ${VERSION}`);
    await node.root.run(UNINSTALL);
    expect(read(CONFIG)).toBe(EARLIER_CONFIG);
    expect(node.root.read(PLUGIN)).toEqual(EARLIER_PROVIDER);
  });

  it("on which two installers run at once, is installed once", async () => {
    putEarlierProvider(node);
    await startKubelet(node, EARLIER_FLAGS);
    const runs = await Promise.all([install(), install(), install()]);
    expect(
      runs.map(({ exitCode }) => exitCode),
      runs.map(({ stderr }) => stderr).join("\n"),
    ).toEqual([0, 0, 0]);
    expect(runs.filter(({ stderr }) => stderr.includes("stage: install ocir-broker"))).toHaveLength(1);
    expect(runs.filter(({ stderr }) => stderr.includes("waiting for its end"))).toHaveLength(2);
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ failures: [] });
  });
});
