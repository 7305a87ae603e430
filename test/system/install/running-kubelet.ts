/** The unit of a running kubelet on a test node, as OKE's bootstrap creates it, and the results of its pulls. */
import { until } from "@ocir-broker/testkit/until";
import type { OkeNode } from "./oke-node.ts";

/** The path on the node. */
export const REPORT = "/run/kubelet-report.json";
export const EXTRA_ARGS = "/etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf";

/** Results of the kubelet's calls. */
export interface KubeletReport {
  earlier: number;
  ours: number;
  /** Answered with no credentials. */
  none: number;
  failures: string[];
}

export const STAND_IN_UNIT = `[Service]
ExecStart=@/opt/checkout/node_modules/.bin/node /usr/bin/kubelet /opt/checkout/test/system/install/stand-in-kubelet.ts \\
  $KUBELET_DEFAULT_ARGS $KUBELET_EXTRA_ARGS
`;
const DEFAULT_ARGS = `[Service]
Environment="KUBELET_DEFAULT_ARGS=--config=/etc/kubernetes/kubelet-config.json"
`;

export async function startKubelet({ root }: OkeNode, extraArgs: string): Promise<void> {
  root.write("/etc/systemd/system/kubelet.service", STAND_IN_UNIT);
  root.write("/etc/systemd/system/kubelet.service.d/kubelet-default-args.conf", DEFAULT_ARGS);
  root.write(EXTRA_ARGS, `[Service]\nEnvironment="KUBELET_EXTRA_ARGS=${extraArgs}"\n`);
  await root.run("systemctl", ["daemon-reload"]);
  await root.run("systemctl", ["start", "kubelet"]);
}

/** Restarts it as an administrator does. Fails if it does not stay up. */
export async function restartKubelet({ root }: OkeNode): Promise<void> {
  await root.run("systemctl", ["daemon-reload"]);
  await root.run("systemctl", ["stop", "kubelet"]);
  await root.run("rm", ["-f", REPORT]);
  await root.run("systemctl", ["start", "kubelet"]);
}

/** Resolves once `isSo` holds. Rejects if the kubelet has ended. */
export async function kubeletReport(
  { root }: OkeNode,
  isSo: (report: KubeletReport) => boolean = () => true,
): Promise<KubeletReport> {
  let report: KubeletReport | undefined;
  await until("the kubelet's calls are answered so", async () => {
    if ((await root.property("kubelet", "ActiveState")) !== "active") throw new Error(await root.journal("kubelet"));
    const { stdout } = await root.exec("cat", [REPORT]);
    report = stdout === "" ? undefined : (JSON.parse(stdout) as KubeletReport);
    return report !== undefined && isSo(report);
  });
  return report as KubeletReport;
}

/** The built program on the node, which has the kubelet's rules for its configuration. */
export const BROKER = "/opt/checkout/dist/ocir-broker";
export const checkArguments = (config: string, binDir: string, version: string) =>
  ["kubelet-config", "check", config, `--bin-dir=${binDir}`, `--kubelet-version=${version.trim()}`] as const;

/** Not the product's own reader, so that an error of that is seen. Accepts both forms; the last one counts. */
export function flagIn(words: readonly string[], flag: string): string | undefined {
  const at = words.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  return words[at] === flag ? words[at + 1] : words[at]?.slice(flag.length + 1);
}
