/**
 * The DaemonSet's image on a running node, with a real systemd and a real container: it installs, leaves the node as it was after a
 * error, and never prevents the start of a kubelet when it is killed. Turns between nodes: test/daemonset/rollout.test.ts.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "@ocir-broker/testkit/until";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { lackOf } from "../real-registry.ts";
import { bootCluster, type Cluster } from "./daemonset/cluster.ts";
import { describeUnless } from "./describe-unless.ts";
import { putEarlierProvider } from "./install/earlier-provider.ts";
import { CONFIG, type OkeNode, PLUGIN } from "./install/oke-node.ts";
import { kubeletReport, restartKubelet, startKubelet } from "./install/running-kubelet.ts";
import { isLongRun } from "./long-run.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const OUR_FLAGS = [
  `--image-credential-provider-config=${CONFIG}`,
  "--image-credential-provider-bin-dir=/usr/local/bin",
];
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const RECORD = "/var/lib/ocir-broker/installation.json";
const BEGINS = '"node":"node-a","msg":"holds the Lease: install version';
/** Milliseconds after a line of the log. */
const KILL_POINTS: readonly [line: string, afterMs: number][] = [
  [BEGINS, 0],
  [BEGINS, 300],
  [BEGINS, 900],
  ["ocir-broker: programs: ", 0],
  ["ocir-broker: system: ", 0],
  ["ocir-broker: daemon: ", 0],
  ["ocir-broker: plugin: ", 0],
  ["ocir-broker: kubelet-configuration: ", 0],
  ["is installed", 0],
];

describeUnless(canBootSystemd() ?? (lackOf("runc", "skopeo", "openssl") || undefined), "cloud-init/daemonset", () => {
  let cluster: Cluster;
  let oke: OkeNode;

  beforeAll(async () => {
    cluster = await bootCluster();
    oke = cluster.oke;
    return () => cluster.powerOff();
  }, 600_000);

  beforeEach(() => cluster.renew());

  /** The Node shows the state, and the Lease is free. */
  async function untilState(state: string): Promise<void> {
    await cluster.said(`"node":"node-a","msg":"${state}: version`);
    const shown = () => cluster.api.nodes.get("node-a").metadata.labels?.["ocir-broker/state"];
    await until(`the Node shows ${state}`, async () => shown() === state);
    await cluster.turnIsOver();
  }

  async function expectInstalled(): Promise<void> {
    expect(await oke.errorsOf(OUR_FLAGS)).toEqual([]);
    expect(await oke.root.run("systemctl", ["is-active", "ocir-broker.service"])).toBe("active");
  }

  it("installs without a kubelet restart, is ready once the kubelet has its flags, and shows its token nowhere", async () => {
    const kubelet = await cluster.kubelet();
    const pod = await cluster.start();
    await cluster.said(BEGINS);
    expect(await pod.isReady()).toBe(false);
    const read = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ | tr '\\0' '\\n'";
    const processes = await oke.root.run("sh", ["-c", read]);
    await untilState("needs-flags");
    await expectInstalled();
    expect([await pod.isReady(), await cluster.kubelet()]).toEqual([false, kubelet]);
    expect(cluster.lines()).toMatch(
      /"level":"info","time":"[^"]+","node":"node-a","msg":"kubelet: it does not use ocir-broker yet/,
    );
    await startKubelet(oke, OUR_FLAGS.join(" "));
    await restartKubelet(oke);
    await untilState("installed");
    expect(await pod.isReady()).toBe(true);
    // The program ends; enter-node continues.
    const running = () => oke.root.run("pgrep", ["-f", "daemonset\\.mjs|enter-node", "-l"]);
    await until("the program has ended", async () => !(await running()).includes("\n"));
    expect(await running()).toMatch(/^\d+ enter-node$/);
    for (const text of [processes, cluster.lines(), await oke.root.run("journalctl", ["--no-pager"])]) {
      expect(text).not.toContain(pod.token);
    }

    expect(await pod.terminate()).toBe(0);
    cluster.api.requests.length = 0;
    const next = await cluster.start();
    await until("the pod is ready", () => next.isReady());
    await until("the program has ended", async () => !(await running()).includes("\n"));
    expect([await next.isReady(), cluster.api.requests]).toEqual([
      true,
      ["get nodes node-a 200", "patch nodes node-a 200", "get leases ocir-broker 200"],
    ]);
  });

  it("restores the node after an error, names the reason, and installs once it is repaired", async () => {
    oke.root.write(BROKER_CONFIG, "log: {level: loud}\n");
    const pod = await cluster.start();
    await cluster.said("ERROR: the configuration has errors: ");
    const ours = ["/usr/libexec/ocir-broker", PLUGIN, CONFIG];
    expect((await oke.root.exec("ls", ["-d", ...ours])).stdout).toBe("");
    await until("the Event is there", async () => cluster.api.events.length > 0);
    expect(cluster.api.events[0].message).toMatch(
      /^the configuration has errors: .*log\.level.*\. On the node, ocir-broker is not installed\. The rollout has stopped/,
    );
    // A deleted pod keeps the Lease of its failed node.
    expect([await pod.isReady(), await pod.terminate()]).toEqual([false, 0]);
    expect(cluster.api.lease.spec.holderIdentity).toBe("node-a");
    oke.root.write(BROKER_CONFIG, "log: {level: info}\n");
    await cluster.start();
    await cluster.said("failed: the next try is at ");
    cluster.askForRetry();
    await untilState("needs-flags");
    await expectInstalled();
  });

  if (isLongRun) {
    it("leaves no process of a hanging installation when its time is over", async () => {
      const hang = '#!/bin/sh\ncase $* in *able*ocir*) sleep 600 ;; esac\nexec /usr/bin/systemctl "$@"\n';
      oke.root.write("/usr/sbin/systemctl", hang, 0o755);
      try {
        await cluster.start();
        await cluster.said("ocir-broker node install took longer than");
        await oke.root.run("flock", ["-n", "/run/ocir-broker-install.lock", "true"]);
      } finally {
        await oke.root.run("rm", ["/usr/sbin/systemctl"]);
      }
      cluster.askForRetry();
      await untilState("needs-flags");
      await expectInstalled();
    });

    it.each(KILL_POINTS)("leaves a kubelet that starts when killed at '%s' and %i ms", async (line, afterMs) => {
      putEarlierProvider(oke);
      await oke.root.run("systemctl", ["stop", "kubelet"]);
      await startKubelet(oke, OUR_FLAGS.join(" "));
      await kubeletReport(oke, ({ earlier }) => earlier > 0);
      const pod = await cluster.start();
      await cluster.said(line);
      await sleep(afterMs);
      await pod.kill();
      // A run that was complete is what the kubelet reads at its start.
      const record = (await oke.root.exec("cat", [RECORD])).stdout;
      const isComplete = record.includes('"version"') && !record.includes('"pending"');
      await restartKubelet(oke);
      const report = await kubeletReport(oke, ({ earlier, ours }) => earlier + ours > 2);
      expect(report).toMatchObject({ none: 0, failures: [] });

      cluster.forgetLines();
      await cluster.start();
      await untilState(isComplete ? "installed" : "needs-restart");
      expect(await kubeletReport(oke, ({ ours }) => ours > 2)).toMatchObject({ none: 0, failures: [] });
      await expectInstalled();
    });
  }
});
