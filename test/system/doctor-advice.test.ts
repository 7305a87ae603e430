/**
 * Seeded problems of a node, one after the other: doctor's first line names the cause, and the commands of its fix, carried out exactly,
 * leave no problem. Of one check alone, and of fixes for a person: packages/doctor/src/doctor.test.ts.
 */
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { removeControlGroups } from "../cluster/control-groups.ts";
import { untilHealthy } from "../cluster/lone-kubelet.ts";
import { type AdvisedNode, bootAdvisedNode, CONNECT, FLAGS, isReal, RESTART } from "./advised-node.ts";
import { describeUnless } from "./describe-unless.ts";
import { makeArchives } from "./install/archives.ts";
import { EXTRA_ARGS } from "./install/running-kubelet.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const IMAGE = "iad.ocir.io/acme/shop/web:1";
const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const UNITS = "ocir-broker.socket ocir-broker-health.socket ocir-broker.service";
const COMMAND = /(?:\/usr\/libexec\/ocir-broker\/)?\b(?:ocir-broker (?:enable|node \w+)|systemctl)\b[^;,:(]*/g;

const setArgs = (args: string) =>
  `printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' '${args}' >${EXTRA_ARGS}`;
const RUN_WITHOUT_FLAGS = `${setArgs("--v=1")} && ${RESTART}`;

/** After a failure, for the rows that follow. */
const HEAL = `systemctl unmask ${UNITS}; /opt/unpacked/*/install.sh; ${setArgs(FLAGS.join(" "))}; systemctl daemon-reload
cp /opt/credential-provider-config.yaml ${CONFIG} && systemctl restart kubelet; systemctl restart ocir-broker`;

type Seeded = readonly [finding: string, problem: string, breaks: string];

const SEEDED: readonly Seeded[] = [
  ["socket-missing", "it was stopped", `systemctl stop ${UNITS}`],
  ["socket-mode", "everybody gets tokens", "chmod 0666 /run/ocir-broker/credentials.sock"],
  ["socket-mode", "nobody gets tokens", "chmod 0000 /run/ocir-broker/credentials.sock"],
  ["unit-masked", "the units are masked", `systemctl stop ${UNITS}; systemctl mask ${UNITS}`],
  ["switched-off", "it was switched off", "ocir-broker disable"],
  ["daemon-stuck", "the daemon hangs", "systemctl kill --signal=STOP ocir-broker.service"],
  ["kubelet-config-missing", "no configuration", `rm ${CONFIG}`],
  ["kubelet-flags-incomplete", "one of the two flags", `${RUN_WITHOUT_FLAGS} && ${setArgs(String(FLAGS[0]))}`],
  ["kubelet-flags-missing", "no flags", RUN_WITHOUT_FLAGS],
  ["kubelet-not-restarted", "a kubelet from before the flags", `${RUN_WITHOUT_FLAGS} && ${setArgs(FLAGS.join(" "))}`],
  ["kubelet-not-restarted", "a kubelet from before its configuration", `touch ${CONFIG}`],
  ["kubelet-not-running", "no kubelet", "systemctl stop kubelet"],
];

describeUnless(canBootSystemd(), `the advice of doctor, with a ${isReal ? "real" : "stand-in"} kubelet`, () => {
  let node: AdvisedNode;

  beforeAll(async () => {
    node = await bootAdvisedNode((await makeArchives()).good);
    await node.unpackAndInstall();
    await node.sh(CONNECT);
    await node.sh(`${setArgs(FLAGS.join(" "))} && ${RESTART}; cp ${CONFIG} /opt`);
  }, 300_000);
  afterAll(async () => {
    await node.root.powerOff();
    removeControlGroups();
  });

  async function examine() {
    if ((await node.root.property("kubelet", "ActiveState")) === "active") await untilHealthy(node.root);
    const { stdout, exitCode } = await node.root.exec("/usr/local/bin/ocir-broker", ["doctor", IMAGE]);
    const bad = [...stdout.matchAll(/^(unknown|warning|PROBLEM) +(\S+): .*\n +seen: .*\n(?: +fix: +(.*)\n)?/gm)];
    const [first] = ["PROBLEM", "warning", "unknown"].flatMap((mark) => bad.filter(([, verdict]) => verdict === mark));
    return { stdout, exitCode, name: first?.[2], fix: first?.[3] ?? "" };
  }

  it.for<Seeded>(SEEDED)("%s: %s", async ([finding, , breaks]) => {
    onTestFailed(async () => void (await node.root.exec("sh", ["-c", HEAL], { timeoutMs: 300_000 })));
    await node.sh(breaks);
    const found = await examine();
    expect(found.name, found.stdout).toBe(finding);
    for (const [command] of found.fix.matchAll(COMMAND)) {
      const printed = await node.sh(command);
      await node.obey(printed.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []));
    }
    const cured = await examine();
    expect(cured.exitCode, `${found.stdout}\n${cured.stdout}`).toBe(0);
    expect(cured.stdout).not.toContain(` ${finding}: `);
  });
});
