/**
 * The node script at a first boot with a real kubelet, in each state in which images leave it, and at each moment of its crash loop. There
 * is no API server, so a node has joined if its kubelet runs with its credentials.
 */
import { beforeAll, beforeEach, expect, it } from "vitest";
import { canRunCluster } from "../cluster/can-run-cluster.ts";
import { prepareControlGroups, removeControlGroups } from "../cluster/control-groups.ts";
import { loneKubeletFiles, startRuntime, untilHealthy } from "../cluster/lone-kubelet.ts";
import { KUBELET_UNIT } from "../cluster/node-files.ts";
import { NEWEST_MINOR } from "../cluster/programs.ts";
import { describeUnless } from "./describe-unless.ts";
import { type Archive, makeArchives, settingsFor } from "./install/archives.ts";
import { SCRIPT } from "./install/oke-node.ts";
import { isLongRun } from "./long-run.ts";
import { startSimulator } from "./simulated-node.ts";
import { bootSystemd, type ExecResult, type SystemdRoot } from "./systemd-root/systemd-root.ts";

const UNIT = "/etc/systemd/system/kubelet.service";
const KUBELET_CONFIG = "/etc/kubernetes/kubelet-config.json";
const KUBECONFIG = "/etc/kubernetes/kubelet.conf";
const FLAGS = [
  `--kubeconfig=${KUBECONFIG}`,
  "--image-credential-provider-config=/etc/kubernetes/credential-provider-config.yaml",
  "--image-credential-provider-bin-dir=/usr/local/bin",
];
const LIMIT_MS = 300_000;
/** Of the crash loop's period. */
const MOMENTS = isLongRun ? 50 : 4;

/**
 * Writes what `oke bootstrap` of an Ubuntu image logs that it writes, and starts the kubelet (Oracle's "RDMA Troubleshooting Guide for
 * OKE on Self Managed Ubuntu Nodes").
 */
const OKE = `#!/bin/bash
(export PATH=/opt/checkout/test/system/first-boot/fakes:$PATH KUBECONFIG=/dev/null && oke "$@") || exit
cp /opt/kubelet-config.json ${KUBELET_CONFIG}
cp /opt/kubelet.conf ${KUBECONFIG}
mkdir -p ${UNIT}.d
printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=--kubeconfig=${KUBECONFIG} %s"\\n' "$(cat /run/kubelet-args)" >${UNIT}.d/00-default.conf
systemctl daemon-reload
systemctl --no-block start kubelet
`;

/** Of the same images (dev-null-loop/private-oke-karpenter, ubuntu-oke-image-notes.md). It ends after the node script has begun. */
const OKE_SERVICE = `[Service]
Type=oneshot
RemainAfterExit=true
ExecStartPre=/bin/sh -c 'until [ -e /run/ocir-broker-node ]; do sleep 0.1; done'
ExecStart=/usr/bin/oke bootstrap $OKE_EXTRA_ARGS
`;

/** A node without credentials, whose kubelet is stopped and has the runtime's socket of another image. */
const RENEW = `
systemctl stop kubelet oke
[ ! -e /usr/local/bin/ocir-broker ] || [ "$0" = installed ] || ocir-broker node remove
rm -rf ${UNIT}.d ${KUBECONFIG} /run/bootstraps /run/kubelet-args /run/tries /run/ocir-broker-node
rm -f /etc/sysconfig/kubelet
sed 's|unix:///run/[^"]*|unix:///run/another.sock|' /opt/kubelet-config.json >${KUBELET_CONFIG}
systemctl daemon-reload
systemctl reset-failed
`;

/** Waits for the given part of the period after the next start of the crash-looping kubelet. */
const AT_MOMENT = `
starts() { systemctl show --property NRestarts --value kubelet; }
next() { last=$(starts); while [ "$(starts)" = "$last" ]; do :; done; date +%s%N; }
first=$(next) second=$(next)
sleep "$(awk "BEGIN { print ($second - $first) / 1e9 * $0 }")"
`;

describeUnless(canRunCluster([NEWEST_MINOR]), "the node script at a first boot, with a real kubelet", () => {
  let root: SystemdRoot;
  let archive: Archive;

  beforeAll(async () => {
    prepareControlGroups();
    archive = (await makeArchives()).good;
    root = await bootSystemd({
      files: [
        ...(await loneKubeletFiles()),
        { from: { text: IMAGES_UNIT }, to: UNIT },
        { from: { text: OKE_SERVICE }, to: "/usr/lib/systemd/system/oke.service" },
        { from: { text: OKE }, to: "/usr/bin/oke", mode: 0o755 },
      ],
    });
    await root.run("sh", ["-c", `cp ${KUBELET_CONFIG} ${KUBECONFIG} /opt/`]);
    await root.run("ip", ["address", "add", "169.254.169.254/32", "dev", "lo"]);
    await startSimulator(root, "--metadata", "169.254.169.254:80");
    await startRuntime(root);
    return async () => {
      await root.powerOff();
      removeControlGroups();
    };
  }, LIMIT_MS);

  beforeEach(async () => {
    await root.exec("sh", ["-c", RENEW]);
  });

  const start = (...command: string[]) => root.run("systemctl", ["--no-block", "start", ...command]);

  /** As user data, in cloud-init's unit. */
  function runScript(): Promise<ExecResult> {
    const settings = Object.entries(settingsFor(archive)).map(([name, value]) => `--setenv=${name}=${value}`);
    const unit = ["--unit=cloud-final", "--wait", "--pipe", "--collect", "--quiet"];
    return root.exec("systemd-run", [...unit, ...settings, "sh", SCRIPT], { timeoutMs: LIMIT_MS });
  }

  async function expectJoined({ exitCode, stderr }: ExecResult): Promise<void> {
    expect(exitCode, stderr).toBe(0);
    await untilHealthy(root);
    const pid = await root.property("kubelet", "MainPID");
    const words = root.read(`/proc/${pid}/cmdline`).toString().split("\0");
    expect(words, stderr).toEqual(expect.arrayContaining(FLAGS));
    expect(root.read("/run/bootstraps").toString().trim().split("\n"), stderr).toHaveLength(1);
  }

  it.each<[state: string, arrange: () => Promise<unknown>]>([
    ["in a crash loop", () => start("kubelet")],
    ["bootstrapped by the image's unit, which still runs", () => start("oke")],
  ])("joins a node once, with both flags, if its kubelet is %s", async (_, arrange) => {
    await arrange();
    await expectJoined(await runScript());
  });

  it(`joins a node at ${MOMENTS} moments of its kubelet's crash loop`, async () => {
    for (let moment = 0; moment < MOMENTS; moment += 1) {
      await root.exec("sh", ["-c", RENEW, "installed"]);
      await start("kubelet");
      await root.run("sh", ["-c", AT_MOMENT, String(moment / MOMENTS)]);
      await expectJoined(await runScript());
    }
  }, 3_600_000);
});

/** Of an Oracle Linux image for 1.34 and later, whose kubelet ends without its runtime ("Standalone mode"), and is started again. */
const IMAGES_UNIT = `[Unit]
StartLimitIntervalSec=0
${KUBELET_UNIT.replace(/ --kubeconfig=\S+/, "")}Restart=always
RestartSec=1
`;
