/**
 * `ocir-broker node install --connect` on a running node: over another credential provider of the same name while its kubelet pulls, over an older version,
 * and with a kubelet without flags. A restarted kubelet always starts. The advice for other units: packages/node/src/kubelet-need.test.ts.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { type Archives, settingsOnRunningNode, VERSION } from "./install/archives.ts";
import { EARLIER_CONFIG, EARLIER_FLAGS, EARLIER_PROVIDER, putEarlierProvider } from "./install/earlier-provider.ts";
import { givenNode } from "./install/given-node.ts";
import { runKilledAt } from "./install/killed-at-step.ts";
import { installAndConnect, installCommand, runNode } from "./install/node-program.ts";
import { snapshotOf } from "./install/node-snapshot.ts";
import { CONFIG, type OkeNode, PLUGIN } from "./install/oke-node.ts";
import { EXTRA_ARGS, kubeletReport, restartKubelet, startKubelet } from "./install/running-kubelet.ts";
import { canBootSystemd, type ExecResult } from "./systemd-root/index.ts";

describeUnless(canBootSystemd(), "ocir-broker node on a running node", () => {
  let node: OkeNode;
  let archives: Archives;

  givenNode((booted, made) => {
    node = booted;
    archives = made;
  });

  const install = (archive = archives.good): Promise<ExecResult> => installAndConnect(node, archive);
  const read = (path: string): string => node.root.read(path).toString();
  const advice = ({ stdout }: ExecResult): string[] =>
    stdout.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []);

  async function startPullingKubelet(flags = EARLIER_FLAGS): Promise<void> {
    putEarlierProvider(node);
    await startKubelet(node, flags);
    await kubeletReport(node, ({ earlier }) => earlier > 10);
  }

  it("replaces another credential provider with no failed call, and requests a kubelet restart until it happens", async () => {
    await startPullingKubelet(`--v=4 ${EARLIER_FLAGS}`);
    const run = await install();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(advice(run)).toEqual([expect.stringContaining(`restart it when convenient, because ${CONFIG} has changed`)]);
    const report = await kubeletReport(node, ({ ours }) => ours > 10);
    expect(report).toMatchObject({ none: 0, failures: [] });
    expect(advice(await install())).toEqual([expect.stringContaining("restart it when convenient")]);

    await restartKubelet(node);
    expect(await kubeletReport(node, ({ ours }) => ours > 10)).toMatchObject({ earlier: 0, none: 0, failures: [] });
    expect(advice(await install())).toEqual([expect.stringContaining("nothing to do")]);
  });

  it("restores another credential provider after an error", async () => {
    await startPullingKubelet();
    const before = await snapshotOf(node);
    const run = await install(archives.babbling);
    expect([run.exitCode, run.stderr]).toEqual([
      1,
      expect.stringMatching(/^ocir-broker: plugin: .*cannot be decoded/m),
    ]);
    expect(await snapshotOf(node)).toBe(before);
    const { earlier } = await kubeletReport(node);
    await kubeletReport(node, (report) => report.earlier > earlier);
  });

  it("leaves nothing when a run is killed while it copies files, and the next one fails", async () => {
    await startKubelet(node, "--v=4");
    const before = await snapshotOf(node);
    await runKilledAt(node, 20, await installCommand(node, archives.good));
    expect(await snapshotOf(node)).toContain(".ocir-broker-new");
    expect([(await install(archives.babbling)).exitCode, await snapshotOf(node)]).toEqual([1, before]);
  });

  it("prints the line to change when the kubelet has no flags, and nothing to do once it is applied", async () => {
    await startKubelet(node, "--v=4 --max-pods=50");
    const run = await install();
    const [where, line, then] = advice(run);
    expect([run.exitCode, where, then], run.stderr).toEqual([
      0,
      expect.stringContaining(`in ${EXTRA_ARGS} change the line`),
      expect.stringContaining("daemon-reload"),
    ]);
    node.root.write(EXTRA_ARGS, read(EXTRA_ARGS).replace(/^Environment=.*$/m, line?.trim() ?? ""));
    expect(advice(await install())[0]).toContain("its unit has the flags");
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ failures: [] });
    const pid = await node.root.property("kubelet", "MainPID");
    const words = (await node.root.run("cat", [`/proc/${pid}/cmdline`])).split("\0");
    expect(words).toEqual(expect.arrayContaining(["--v=4", "--max-pods=50"]));
    expect(advice(await install())).toEqual([expect.stringContaining("nothing to do")]);
  });

  it("supports spaces in paths, in the printed line and in a removal", async () => {
    const config = "/etc/kubernetes/of ours/providers.yaml";
    const binDir = "/opt/plugins/of ours";
    const connect = () =>
      runNode(
        node,
        "connect",
        "--kubelet-config",
        config,
        "--bin-dir",
        binDir,
        "--kubelet-version",
        "Kubernetes v1.33.1",
      );
    await startKubelet(node, "--v=4");
    await install();
    const line = advice(await connect())[1]?.trim();
    node.root.write(EXTRA_ARGS, `[Service]\n${line}\n`);
    await restartKubelet(node);
    await kubeletReport(node, ({ ours }) => ours > 5);
    expect(advice(await connect())).toEqual([`nothing to do: it has the flags, and has read ${config} as it is`]);
    await runNode(node, "remove");
    await restartKubelet(node);
    expect(await kubeletReport(node, ({ none }) => none > 5)).toMatchObject({ ours: 0, failures: [] });
  });

  it("leaves a kubelet that starts when it names missing files, even if the installation fails", async () => {
    await startPullingKubelet();
    await node.root.run("rm", [PLUGIN, CONFIG]);
    const run = await node.install({ ...settingsOnRunningNode(archives.good), OCIR_BROKER_SOURCES: "" });
    expect(run.exitCode).toBe(1);
    await restartKubelet(node);
    expect(await kubeletReport(node)).toMatchObject({ failures: [] });
  });

  it("upgrades an older version, and restores it after an error", async () => {
    await startPullingKubelet();
    await node.installByHand(archives.older);
    const before = await snapshotOf(node);
    const invalid = await install(archives.babbling);
    expect([invalid.exitCode, invalid.stderr]).toEqual([
      1,
      expect.stringContaining("the previous version is restored"),
    ]);
    expect(await snapshotOf(node)).toBe(before);
    expect(await node.root.run(PLUGIN, ["--version"])).toBe("credential-provider-oke 0.0.9");

    const run = await install();
    expect(run.exitCode, run.stderr).toBe(0);
    expect(await node.root.run(PLUGIN, ["--version"])).toBe(`credential-provider-oke ${VERSION}`);
    await runNode(node, "remove");
    expect(read(CONFIG)).toBe(EARLIER_CONFIG);
    expect(node.root.read(PLUGIN)).toEqual(EARLIER_PROVIDER);
  });

  it("installs once when several installers run at the same time", async () => {
    await startPullingKubelet();
    const [program = "", ...args] = await installCommand(node, archives.good);
    const runs = await Promise.all([1, 2, 3].map(() => node.root.exec(program, args)));
    expect(
      runs.map(({ exitCode }) => exitCode),
      runs.map(({ stderr }) => stderr).join("\n"),
    ).toEqual([0, 0, 0]);
    expect(runs.filter(({ stdout }) => stdout.includes("done: programs"))).toHaveLength(1);
    expect(runs.filter(({ stderr }) => stderr.includes("waiting for another installation"))).toHaveLength(2);
    expect(await kubeletReport(node, ({ ours }) => ours > 5)).toMatchObject({ failures: [] });
  });
});
