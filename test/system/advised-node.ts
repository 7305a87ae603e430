/**
 * A node with a kubelet, on which the printed advice is carried out exactly. The kubelet is a real one where it is built.
 */
import { canRunCluster } from "../cluster/can-run-cluster.ts";
import { removeControlGroups } from "../cluster/control-groups.ts";
import { loneKubeletFiles, startRuntime, untilHealthy } from "../cluster/lone-kubelet.ts";
import { NEWEST_MINOR } from "../cluster/programs.ts";
import type { Archive } from "./install/archives.ts";
import { EXTRA_ARGS, STAND_IN_UNIT } from "./install/running-kubelet.ts";
import { brokerConfig, startSimulator } from "./simulated-node.ts";
import { bootSystemd } from "./systemd-root/index.ts";

const UNIT = "/etc/systemd/system/kubelet.service";
const BROKER_CONFIG = brokerConfig("iad.ocir.io", "us-ashburn-1.ocir.io");
export const FLAGS = ["config=/etc/kubernetes/credential-provider-config.yaml", "bin-dir=/usr/local/bin"].map(
  (flag) => `--image-credential-provider-${flag}`,
);
export const CONNECT = "ocir-broker node connect";
export const RESTART = "systemctl daemon-reload; systemctl restart kubelet";
const MAX_ROUNDS = 5;

export const isReal = canRunCluster([NEWEST_MINOR]) === undefined;

export type AdvisedNode = Awaited<ReturnType<typeof bootAdvisedNode>>;

/** With a kubelet that runs without flags. */
export async function bootAdvisedNode(archive: Archive) {
  removeControlGroups();
  const kubelet = isReal
    ? await loneKubeletFiles()
    : [
        { from: { text: STAND_IN_UNIT }, to: UNIT },
        { from: { text: "#!/bin/sh\ncat /etc/kubelet-version\n" }, to: "/usr/bin/kubelet", mode: 0o755 },
        { from: { text: "Kubernetes v1.34.1\n" }, to: "/etc/kubelet-version" },
      ];
  const root = await bootSystemd({
    files: [...kubelet, { from: { text: BROKER_CONFIG }, to: "/etc/ocir-broker/config.yaml" }],
  });
  const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const sh = (command: string) => root.run("sh", ["-c", command], { timeoutMs: 300_000, env: { PATH } });
  const unpack = `mkdir /opt/unpacked && tar xzf ${archive.folder}/*.tar.gz -C /opt/unpacked`;
  const setArgs = (args: string) => root.write(EXTRA_ARGS, `[Service]\nEnvironment="KUBELET_EXTRA_ARGS=${args}"\n`);

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

  const node = {
    root,
    sh,
    obey,
    setArgs,
    unpackAndInstall: () => sh(`${unpack} && /opt/unpacked/*/install.sh`),
    async kill(args: string): Promise<void> {
      setArgs(args);
      await sh(`${RESTART}; until systemctl -q is-failed kubelet; do sleep 0.1; done`);
    },
    /** @returns all that was printed. */
    async follow(): Promise<string> {
      const printed: string[] = [];
      for (let round = 1; round <= MAX_ROUNDS; round += 1) {
        const status = await sh("ocir-broker node status");
        const lines = status.split("\n").flatMap((line) => /^kubelet: (.*)/.exec(line)?.[1] ?? []);
        printed.push(...lines);
        if (lines[0]?.startsWith("nothing to do")) break;
        await obey(lines);
        // Nothing that is printed stops a kubelet, and what starts one starts it.
        if (lines[0] !== "it does not run" || status.includes("systemctl")) await untilHealthy(root);
      }
      return printed.join("\n");
    },
  };
  try {
    await startSimulator(root);
    if (isReal) await startRuntime(root);
    setArgs("--v=1");
    await sh(RESTART);
    await untilHealthy(root);
    return node;
  } catch (error) {
    await root.powerOff();
    throw error;
  }
}
