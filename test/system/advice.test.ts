/**
 * Carries out exactly what `ocir-broker node status` and doctor print on a node with a kubelet: nothing is left to do, and no problem.
 * The kubelet is a real one where it is built. What status prints in each state: packages/node/src/kubelet-need.test.ts. Of one check
 * of doctor's alone, and of fixes for a person: packages/doctor/src/doctor.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from "vitest";
import { canRunCluster } from "../cluster/can-run-cluster.ts";
import { prepareControlGroups, removeControlGroups } from "../cluster/control-groups.ts";
import { loneKubeletFiles, startRuntime, untilHealthy } from "../cluster/lone-kubelet.ts";
import { NEWEST_MINOR } from "../cluster/programs.ts";
import { describeUnless } from "./describe-unless.ts";
import { makeArchives } from "./install/archives.ts";
import { EXTRA_ARGS, STAND_IN_UNIT } from "./install/running-kubelet.ts";
import { brokerConfig, startSimulator } from "./simulated-node.ts";
import { bootSystemd, canBootSystemd, type InstalledFile, type SystemdRoot } from "./systemd-root/systemd-root.ts";

const IMAGE = "iad.ocir.io/acme/shop/web:1";
const CONFIG = "/etc/kubernetes/credential-provider-config.yaml";
const FLAGS = [`--image-credential-provider-config=${CONFIG}`, "--image-credential-provider-bin-dir=/usr/local/bin"];
const BOTH_FLAGS = FLAGS.join(" ");
const [ONE_FLAG = ""] = FLAGS;
const UNITS = "ocir-broker.socket ocir-broker-health.socket ocir-broker.service";
const CONNECT = "ocir-broker node connect";
const RESTART = "systemctl daemon-reload; systemctl restart kubelet";
const COMMAND = /\b(?:ocir-broker (?:enable|node \w+)|systemctl|systemd-sysusers|systemd-tmpfiles)\b[^;,:(]*/g;
const MAX_ROUNDS = 5;
/** Root's environment after a login. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const isReal = canRunCluster([NEWEST_MINOR]) === undefined;
const STAND_IN: readonly InstalledFile[] = [
  { from: { text: STAND_IN_UNIT }, to: "/etc/systemd/system/kubelet.service" },
  { from: { text: "#!/bin/sh\ncat /etc/kubelet-version\n" }, to: "/usr/bin/kubelet", mode: 0o755 },
  { from: { text: "Kubernetes v1.34.1\n" }, to: "/etc/kubelet-version" },
];

const setArgs = (args: string) =>
  `printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=%s"\\n' '${args}' >${EXTRA_ARGS}`;
const RUN_WITHOUT_FLAGS = `${setArgs("--v=1")} && ${RESTART}`;
const CONNECT_WITH_FLAGS = `${CONNECT} && ${setArgs(BOTH_FLAGS)} && ${RESTART}`;
const OTHER_FOLDER = `mkdir -p /opt/other; printf '#!/bin/sh\\n' >/opt/other/credential-provider-oke; chmod 755 /opt/other/*
${setArgs(BOTH_FLAGS.replace("/usr/local/bin", "/opt/other"))} && ${RESTART}`;
const PLUGIN = "/usr/local/bin/credential-provider-oke";
const AGAIN = "ocir-broker node disconnect";
/** A kubelet that starts needs the file that a disconnection deletes. */
const HAS_READ = "until curl -s 127.0.0.1:10248/healthz | grep -q ok; do sleep 0.1; done";
const KILL = `${AGAIN}; ${setArgs(ONE_FLAG)} && ${RESTART}; until systemctl -q is-failed kubelet; do sleep 0.1; done`;

const DELETE_METRICS =
  "rm -r /run/ocir-broker-metrics; until ocir-broker status | grep -q 'metrics file cannot'; do sleep 0.1; done";

const SWITCH_ACCOUNTS_OFF = `${CONNECT} --service-accounts api; ${RESTART}
sed -i 's/tokenExchange: oke/tokenExchange: none/' /etc/ocir-broker/config.yaml; systemctl restart ocir-broker`;

/** After a failure, for the rows that follow. */
const HEAL = `systemctl unmask ${UNITS}; /opt/unpacked/*/install.sh; ${CONNECT_WITH_FLAGS}; systemctl restart ocir-broker`;

const SEEDED: readonly (readonly [finding: string, problem: string, breaks: string])[] = [
  ["socket-missing", "it was stopped", `systemctl stop ${UNITS}`],
  ["socket-missing", "its file was deleted", "rm /run/ocir-broker/credentials.sock"],
  ["daemon-down", "the health socket's file was deleted", "rm /run/ocir-broker/health.sock"],
  [
    "daemon-down",
    "the health socket's group was deleted",
    "groupdel ocir-broker-health; systemctl restart ocir-broker",
  ],
  ["socket-mode", "everybody gets tokens", "chmod 0666 /run/ocir-broker/credentials.sock"],
  ["socket-mode", "nobody gets tokens", "chmod 0000 /run/ocir-broker/credentials.sock"],
  ["unit-masked", "the units are masked", `systemctl stop ${UNITS}; systemctl mask ${UNITS}`],
  ["unit-masked", "the units are masked until a boot", `systemctl stop ${UNITS}; systemctl mask --runtime ${UNITS}`],
  ["switched-off", "it was switched off", "ocir-broker disable"],
  ["daemon-stuck", "the daemon hangs", "systemctl kill --signal=STOP ocir-broker.service"],
  ["metrics-not-written", "the metrics' folder was deleted", DELETE_METRICS],
  ["kubelet-config-missing", "no configuration", `rm ${CONFIG}`],
  ["service-accounts-off", "the kubelet's entry sends tokens", SWITCH_ACCOUNTS_OFF],
  ["kubelet-flags-missing", "one of the two flags", `${RUN_WITHOUT_FLAGS} && ${setArgs(ONE_FLAG)}`],
  ["kubelet-flags-missing", "no flags", RUN_WITHOUT_FLAGS],
  ["kubelet-not-restarted", "a kubelet from before the flags", `${RUN_WITHOUT_FLAGS} && ${setArgs(BOTH_FLAGS)}`],
  ["kubelet-not-restarted", "a kubelet from before its configuration", `touch ${CONFIG}`],
  ["kubelet-not-running", "no kubelet", "systemctl stop kubelet"],
  ["plugin-foreign", "another program with the plugin's name", `rm ${PLUGIN} && cp /bin/true ${PLUGIN}`],
  ["plugin-foreign", "another program in the kubelet's folder", OTHER_FOLDER],
];

describeUnless(canBootSystemd(), `on a node with a ${isReal ? "real" : "stand-in"} kubelet`, () => {
  let root: SystemdRoot;

  const sh = (command: string) => root.run("sh", ["-c", command], { timeoutMs: 300_000, env: { PATH } });
  const adviceIn = (printed: string) => printed.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []);

  /** A node with an installed archive, whose kubelet runs without flags. */
  beforeAll(async () => {
    const { good } = await makeArchives();
    prepareControlGroups();
    const kubelet = isReal ? await loneKubeletFiles() : STAND_IN;
    const config = {
      from: { text: brokerConfig("iad.ocir.io", "us-ashburn-1.ocir.io") },
      to: "/etc/ocir-broker/config.yaml",
    };
    root = await bootSystemd({ files: [...kubelet, config] });
    await startSimulator(root);
    if (isReal) await startRuntime(root);
    await sh(`mkdir -p /opt/unpacked $(dirname ${EXTRA_ARGS}); tar xzf ${good.folder}/*.tar.gz -C /opt/unpacked`);
    await sh(RUN_WITHOUT_FLAGS);
    await untilHealthy(root);
    await sh("/opt/unpacked/*/install.sh");
  }, 300_000);
  afterAll(async () => {
    await root.powerOff();
    removeControlGroups();
  });

  /** Carries the lines out, as a person would who only reads. */
  async function obey(lines: readonly string[]): Promise<void> {
    for (const [index, line] of lines.entries()) {
      const [, file = "", how] = /(\/\S+) (change the line with|with these two lines)/.exec(line) ?? [];
      const [next = "", afterNext] = lines.slice(index + 1);
      if (how === "with these two lines") root.write(file, `${next}\n${afterNext}\n`);
      else if (how !== undefined)
        root.write(file, String(root.read(file)).replace(/^.*KUBELET_EXTRA_ARGS=.*$/m, next.trim()));
      const command = /(?:ocir-broker node|systemctl daemon-reload)[^(]*/.exec(line)?.[0];
      if (command !== undefined) await sh(command);
    }
  }

  it.each([
    ["from an archive", ":"],
    ["disconnected", `${AGAIN}; ${CONNECT} --kubelet-flags; ${RESTART}; ${AGAIN}; ${RESTART}`],
    ["disconnected without a restart", `${AGAIN}; ${CONNECT} --kubelet-flags; ${RESTART}; ${HAS_READ}; ${AGAIN}`],
    [
      "with flags that a second bootstrap has removed",
      `${AGAIN}; ${CONNECT} --kubelet-flags; ${RESTART}; ${RUN_WITHOUT_FLAGS}`,
    ],
    ["with a kubelet that one flag has killed", KILL],
  ])("the advice of node status connects a node %s, without a failure of its kubelet", async (_, arrange) => {
    onTestFailed(async () => void (await root.exec("sh", ["-c", HEAL], { timeoutMs: 300_000 })));
    await sh(`${RUN_WITHOUT_FLAGS}; ${arrange}`);
    if (arrange !== KILL) await untilHealthy(root);
    const printed: string[] = [];
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const status = await sh("ocir-broker node status");
      const lines = adviceIn(status);
      printed.push(...lines);
      if (lines[0]?.startsWith("nothing to do")) break;
      await obey(lines);
      // Nothing that is printed stops a kubelet, and what starts one starts it.
      if (lines[0] !== "it does not run" || status.includes("systemctl")) await untilHealthy(root);
    }
    expect(printed.join("\n"), await root.journal("kubelet")).toContain("nothing to do");
    const words = await sh("tr '\\0' ' ' </proc/$(systemctl show --property MainPID --value kubelet)/cmdline");
    for (const flag of FLAGS) expect(words).toContain(flag);
    expect(await root.property("kubelet", "NRestarts")).toBe("0");
  });

  describe("the advice of doctor", () => {
    beforeAll(async () => void (await sh(CONNECT_WITH_FLAGS)));

    async function examine() {
      if ((await root.property("kubelet", "ActiveState")) === "active") await untilHealthy(root);
      const { stdout, exitCode } = await root.exec("/usr/local/bin/ocir-broker", ["doctor", IMAGE]);
      const bad = [...stdout.matchAll(/^(unknown|warning|PROBLEM) +(\S+): .*\n +seen: .*\n(?: +fix: +(.*)\n)?/gm)];
      const [first] = ["PROBLEM", "warning", "unknown"].flatMap((mark) =>
        bad.filter(([, verdict]) => verdict === mark),
      );
      return { stdout, exitCode, name: first?.[2], fix: first?.[3] ?? "" };
    }

    it.for(SEEDED)("names %s first, and leaves no problem: %s", async ([finding, , breaks]) => {
      onTestFailed(async () => void (await root.exec("sh", ["-c", HEAL], { timeoutMs: 300_000 })));
      await sh(breaks);
      const found = await examine();
      expect(found.name, found.stdout).toBe(finding);
      for (const [command] of found.fix.matchAll(COMMAND)) await obey(adviceIn(await sh(command)));
      const cured = await examine();
      expect(cured.exitCode, `${found.stdout}\n${cured.stdout}`).toBe(0);
      expect(cured.stdout).not.toContain(` ${finding}: `);
    });
  });
});
