/**
 * Seeded problems of a node, one after the other: doctor's first line names the cause, and its fix, carried out exactly, leaves no
 * problem. If a person must act or decide, the row does that. Of one check alone: packages/doctor/src/doctor.test.ts.
 * The short run has those whose fix is a command.
 */
import { basename } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFailed } from "vitest";
import { removeControlGroups } from "../cluster/control-groups.ts";
import { untilHealthy } from "../cluster/lone-kubelet.ts";
import { type AdvisedNode, bootAdvisedNode, CONNECT, FLAGS, isReal, RESTART } from "./advised-node.ts";
import { describeUnless } from "./describe-unless.ts";
import { makeArchives } from "./install/archives.ts";
import { EXTRA_ARGS } from "./install/running-kubelet.ts";
import { isLongRun } from "./long-run.ts";
import { CONTROL_URL } from "./simulated-node.ts";
import { canBootSystemd } from "./systemd-root/index.ts";

const IMAGE = "iad.ocir.io/acme/shop/web:1";
const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const BROKER_CONFIG = "/etc/ocir-broker/config.yaml";
const PLUGIN = "/usr/local/bin/credential-provider-oke";
const UNITS = "ocir-broker.socket ocir-broker-health.socket ocir-broker.service";
const BROKER = "systemctl restart ocir-broker";
const COMMAND = /(?:\/usr\/libexec\/ocir-broker\/)?\b(?:ocir-broker (?:enable|node \w+)|systemctl)\b[^;,:(]*/g;

const control = (path: string, body: object, method = "POST") =>
  `curl -sSf -X ${method} -d '${JSON.stringify(body)}' ${CONTROL_URL}/${path}`;
const edit = (file: string, expression: string) => `sed -i '${expression}' ${file}`;
const restore = (file: string) => `cp /opt/${basename(file)} ${file}`;
const RESTORE_BROKER = `${restore(BROKER_CONFIG)} && ${BROKER}`;
const RESTORE_CONFIG = `${restore(CONFIG)} && systemctl restart kubelet`;
const setArgs = (args: string) =>
  `printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' '${args}' >${EXTRA_ARGS}`;
const RUN_WITHOUT_FLAGS = `${setArgs("--v=1")} && ${RESTART}`;
const REINSTALL = "/opt/unpacked/*/install.sh";

/** After a failure, for the rows that follow. */
const HEAL = `${control("reset", {})}; ${REINSTALL}; ${setArgs(FLAGS.join(" "))}; systemctl daemon-reload; ${RESTORE_CONFIG}
systemctl unmask ${UNITS}; ${RESTORE_BROKER}`;

/** For a person: what the text of the fix must contain, and the command that does it. */
type Decided = readonly [says: RegExp, does: string];
type Seeded = readonly [finding: string, problem: string, breaks: string, decided?: Decided, image?: string];

/** What IAM grants, or has. */
function ofIam(finding: string, problem: string, says: RegExp, missing: string, of: object = {}): Seeded {
  const set = (value: boolean) => control("iam", { ...of, [missing]: value });
  return [finding, problem, set(false), [says, set(true)]];
}

function ofOracle(finding: string, problem: string, says: RegExp, endpoint: string, fault: object): Seeded {
  return [finding, problem, control("faults", { endpoint, ...fault }), [says, control("faults", {}, "DELETE")]];
}

/** @param expression edits the broker's configuration. */
function ofBroker(finding: string, problem: string, says: RegExp, expression: string, then = BROKER): Seeded {
  return [finding, problem, `${edit(BROKER_CONFIG, expression)} && ${then}`, [says, RESTORE_BROKER]];
}

/** @param expression edits the kubelet's configuration. */
function ofConfig(finding: string, problem: string, says: RegExp, expression: string): Seeded {
  return [finding, problem, edit(CONFIG, expression), [says, RESTORE_CONFIG]];
}

function ofImage(finding: string, problem: string, says: RegExp, host: string): Seeded {
  return [finding, problem, "true", [says, "true"], `${host}/acme/shop/web:1`];
}

const PROXY = '$a proxy: {https: "http://127.0.0.1:9"}\ns,http://127.0.0.1:18082,https://auth.invalid,';
const FOREIGN_PLUGIN = "printf '#!/bin/sh\\necho v0.1.1\\n'";

const SEEDED: readonly Seeded[] = [
  ofIam("policy-missing", "no policy", /Allow dynamic-group <name>/, "granted"),
  ofIam("policy-missing", "no dynamic group", /dynamic group's rule matches/, "dynamicGroup"),
  ofIam("image-missing", "no repository", /check repository and tag/, "exists", { repository: "acme/shop/web" }),
  ofOracle("clock-skew", "the clock is off", /chronyc makestep/, "*", { dateSkewMs: 600_000 }),
  ofOracle("metadata-unreachable", "no metadata service", /iptables -S OUTPUT/, "metadata.*", { refuse: true }),
  ofOracle("metadata-throttled", "the metadata service throttles", /ss -tnp/, "metadata.*", { status: 429 }),
  ofOracle("registry-throttled", "the registry throttles", /no action needed/, "registry.token", { status: 429 }),
  ofOracle("registry-unavailable", "the registry fails", /no action needed/, "registry.token", { status: 503 }),
  ofOracle("federation-unauthorized", "a refusal", /check the clock, then try again/, "auth.x509", { status: 401 }),
  ofImage("image-look-alike", "a mistyped host", /iad\.ocir\.io|ocir\.io/, "iad.ocir.oi"),
  ofImage("image-region-unknown", "no such region", /correct the region/, "foo.ocir.io"),
  ofImage("image-realm", "another realm", /registry of the node's realm/, "ocir.us-langley-1.oci.oraclegovcloud.com"),
  ofBroker("proxy-unreachable", "the proxy does not respond", /proxy\.https/, PROXY),
  ofBroker("dns-failed", "no DNS", /resolv\.conf/, "s,http://127.0.0.1:18080,https://registry.invalid,g"),
  ofBroker("tcp-refused", "no route", /service gateway/, "s,18080,9,g"),
  ofBroker("broker-config-invalid", "a typing mistake", /config check/, "s,^auth:,auht:,"),
  [
    "broker-config-invalid",
    "a failed reload",
    `${edit(BROKER_CONFIG, "s,^auth:,auht:,")} && ! systemctl reload ocir-broker`,
    [/config check/, `${restore(BROKER_CONFIG)} && systemctl reload ocir-broker`],
  ],
  ofBroker("metrics-not-written", "no such folder", /metrics\.textfile/, "$a metrics: {textfile: /run/nowhere/a.prom}"),
  ofBroker(
    "daemon-restart-needed",
    "another health socket",
    /restart/,
    "$a sockets: {health: /run/ocir-broker/other.sock}",
    "systemctl reload ocir-broker",
  ),
  ["socket-missing", "it was stopped", `systemctl stop ${UNITS}`],
  ["socket-mode", "everybody gets tokens", "chmod 0666 /run/ocir-broker/credentials.sock"],
  ["socket-mode", "nobody gets tokens", "chmod 0000 /run/ocir-broker/credentials.sock"],
  ["unit-masked", "the units are masked", `systemctl stop ${UNITS}; systemctl mask ${UNITS}`],
  ["switched-off", "it was switched off", "ocir-broker disable"],
  ["daemon-stuck", "the daemon hangs", "systemctl kill --signal=STOP ocir-broker.service"],
  ["plugin-missing", "no plugin", `rm ${PLUGIN}`, [/reinstall/, REINSTALL]],
  [
    "plugin-foreign",
    "another program",
    `rm ${PLUGIN} && ${FOREIGN_PLUGIN} >${PLUGIN} && chmod 755 ${PLUGIN}`,
    [/install ocir-broker's/, REINSTALL],
  ],
  [
    "plugin-not-executable",
    "a plugin without its mode",
    `chmod 644 $(readlink -f ${PLUGIN})`,
    [/chmod 0755/, `chmod 0755 ${PLUGIN}`],
  ],
  ofConfig("image-not-matched", "matchImages lacks the host", /set matchImages/, 's,"\\*.ocir.io","fra.ocir.io",'),
  ofConfig("image-not-matched", "matchImages has a path", /set matchImages/, 's,"\\*.ocir.io","*.ocir.io/a*",'),
  ["kubelet-config-missing", "no configuration", `rm ${CONFIG}`],
  ofConfig("kubelet-config-not-understood", "a tab", /as JSON, or as simple YAML/, "2s/^/\\t/"),
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
    await node.sh(`${setArgs(FLAGS.join(" "))} && ${RESTART}; cp ${CONFIG} ${BROKER_CONFIG} /opt`);
  }, 300_000);
  afterAll(async () => {
    await node.root.powerOff();
    removeControlGroups();
  });

  async function examine(image: string) {
    if ((await node.root.property("kubelet", "ActiveState")) === "active") await untilHealthy(node.root);
    const { stdout, exitCode } = await node.root.exec("/usr/local/bin/ocir-broker", ["doctor", image]);
    const bad = [...stdout.matchAll(/^(unknown|warning|PROBLEM) +(\S+): .*\n +seen: .*\n(?: +fix: +(.*)\n)?/gm)];
    const [first] = ["PROBLEM", "warning", "unknown"].flatMap((mark) => bad.filter(([, verdict]) => verdict === mark));
    return { stdout, exitCode, name: first?.[2], fix: first?.[3] ?? "" };
  }

  const rows = SEEDED.filter(([, , , decided]) => isLongRun || decided === undefined);

  it.for<Seeded>(rows)("%s: %s", async ([finding, , breaks, decided, image = IMAGE]) => {
    onTestFailed(async () => void (await node.root.exec("sh", ["-c", HEAL], { timeoutMs: 300_000 })));
    await node.sh(breaks);
    const found = await examine(image);
    expect(found.name, found.stdout).toBe(finding);
    if (decided === undefined) {
      for (const [command] of found.fix.matchAll(COMMAND)) {
        const printed = await node.sh(command);
        await node.obey(printed.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []));
      }
    } else {
      expect(found.fix).toMatch(decided[0]);
      await node.sh(decided[1]);
    }
    const cured = await examine(IMAGE);
    expect(cured.exitCode, `${found.stdout}\n${cured.stdout}`).toBe(0);
    expect(cured.stdout).not.toContain(` ${finding}: `);
  });
});
