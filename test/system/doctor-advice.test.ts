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
const fault = (endpoint: string, kind: object) => control("faults", { endpoint, ...kind });
const WITHOUT_FAULTS = control("faults", {}, "DELETE");
const edit = (file: string, expression: string) => `sed -i '${expression}' ${file}`;
const restore = (file: string) => `cp /opt/${basename(file)} ${file}`;
const editBroker = (expression: string, then = BROKER) => `${edit(BROKER_CONFIG, expression)} && ${then}`;
const RESTORE_BROKER = `${restore(BROKER_CONFIG)} && ${BROKER}`;
const RESTORE_CONFIG = `${restore(CONFIG)} && systemctl restart kubelet`;
const setArgs = (args: string) =>
  `printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' '${args}' >${EXTRA_ARGS}`;
const REINSTALL = "/opt/unpacked/*/install.sh";

/** After a failure, for the rows that follow. */
const HEAL = `${control("reset", {})}; ${REINSTALL}; ${setArgs(FLAGS.join(" "))}; systemctl daemon-reload; ${RESTORE_CONFIG}
systemctl unmask ${UNITS}; ${RESTORE_BROKER}`;

/** For a person: what the text of the fix must contain, and the command that does it. */
type Decided = readonly [says: RegExp, does: string];
type Seeded = readonly [finding: string, problem: string, breaks: string, decided?: Decided, image?: string];

const SEEDED: readonly Seeded[] = [
  [
    "policy-missing",
    "no policy",
    control("iam", { granted: false }),
    [/Allow dynamic-group <name>/, control("iam", { granted: true })],
  ],
  [
    "policy-missing",
    "no dynamic group",
    control("iam", { dynamicGroup: false }),
    [/dynamic group's rule matches/, control("iam", { dynamicGroup: true })],
  ],
  [
    "image-missing",
    "no repository",
    control("iam", { repository: "acme/shop/web", exists: false }),
    [/check repository and tag/, control("iam", { repository: "acme/shop/web", exists: true })],
  ],
  ["clock-skew", "the clock is off", fault("*", { dateSkewMs: 600_000 }), [/chronyc makestep/, WITHOUT_FAULTS]],
  [
    "proxy-unreachable",
    "the proxy does not respond",
    editBroker('$a proxy: {https: "http://127.0.0.1:9"}\ns,http://127.0.0.1:18082,https://auth.invalid,'),
    [/proxy\.https/, RESTORE_BROKER],
  ],
  [
    "dns-failed",
    "no DNS",
    editBroker("s,http://127.0.0.1:18080,https://registry.invalid,g"),
    [/resolv\.conf/, RESTORE_BROKER],
  ],
  ["tcp-refused", "no route", editBroker("s,18080,9,g"), [/service gateway/, RESTORE_BROKER]],
  [
    "metadata-unreachable",
    "no metadata service",
    fault("metadata.*", { refuse: true }),
    [/iptables -S OUTPUT/, WITHOUT_FAULTS],
  ],
  [
    "metadata-throttled",
    "the metadata service throttles",
    fault("metadata.*", { status: 429 }),
    [/ss -tnp/, WITHOUT_FAULTS],
  ],
  [
    "registry-throttled",
    "the registry throttles",
    fault("registry.token", { status: 429 }),
    [/no action needed/, WITHOUT_FAULTS],
  ],
  [
    "registry-unavailable",
    "the registry fails",
    fault("registry.token", { status: 503 }),
    [/no action needed/, WITHOUT_FAULTS],
  ],
  [
    "federation-unauthorized",
    "the auth service refuses the certificate",
    fault("auth.x509", { status: 401 }),
    [/check the clock, then try again/, WITHOUT_FAULTS],
  ],
  ["image-look-alike", "a mistyped host", "true", [/iad\.ocir\.io|ocir\.io/, "true"], "iad.ocir.oi/acme/shop/web:1"],
  ["image-region-unknown", "no such region", "true", [/correct the region/, "true"], "foo.ocir.io/acme/shop/web:1"],
  [
    "image-realm",
    "another realm",
    "true",
    [/registry of the node's realm/, "true"],
    "ocir.us-langley-1.oci.oraclegovcloud.com/acme/shop/web:1",
  ],
  ["broker-config-invalid", "a typing mistake", editBroker("s,^auth:,auht:,"), [/config check/, RESTORE_BROKER]],
  [
    "broker-config-invalid",
    "a failed reload",
    editBroker("s,^auth:,auht:,", "! systemctl reload ocir-broker"),
    [/config check/, `${restore(BROKER_CONFIG)} && systemctl reload ocir-broker`],
  ],
  [
    "metrics-not-written",
    "no folder for the metrics",
    editBroker("$a metrics: {textfile: /run/nowhere/a.prom}"),
    [/metrics\.textfile/, RESTORE_BROKER],
  ],
  [
    "daemon-restart-needed",
    "another health socket",
    editBroker("$a sockets: {health: /run/ocir-broker/other.sock}", "systemctl reload ocir-broker"),
    [/restart/, RESTORE_BROKER],
  ],
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
    `rm ${PLUGIN} && printf '#!/bin/sh\\necho v0.1.1\\n' >${PLUGIN} && chmod 755 ${PLUGIN}`,
    [/install ocir-broker's/, REINSTALL],
  ],
  [
    "plugin-not-executable",
    "a plugin without its mode",
    `chmod 644 $(readlink -f ${PLUGIN})`,
    [/chmod 0755/, `chmod 0755 ${PLUGIN}`],
  ],
  [
    "image-not-matched",
    "matchImages lacks the host",
    edit(CONFIG, 's,"\\*.ocir.io","fra.ocir.io",'),
    [/set matchImages/, RESTORE_CONFIG],
  ],
  [
    "image-not-matched",
    "matchImages has a path",
    edit(CONFIG, 's,"\\*.ocir.io","*.ocir.io/a*",'),
    [/set matchImages/, RESTORE_CONFIG],
  ],
  ["kubelet-config-missing", "no configuration", `rm ${CONFIG}`],
  ["kubelet-config-not-understood", "a tab", edit(CONFIG, "2s/^/\\t/"), [/as JSON, or as simple YAML/, RESTORE_CONFIG]],
  [
    "kubelet-flags-incomplete",
    "one of the two flags",
    `${setArgs("--v=1")} && ${RESTART} && ${setArgs(String(FLAGS[0]))}`,
  ],
  ["kubelet-flags-missing", "no flags", `${setArgs("--v=1")} && ${RESTART}`],
  [
    "kubelet-not-restarted",
    "a kubelet from before the flags",
    `${setArgs("--v=1")} && ${RESTART} && ${setArgs(FLAGS.join(" "))}`,
  ],
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
