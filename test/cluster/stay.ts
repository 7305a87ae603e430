/**
 * `npm run test:cluster -- --stay`: a real Kubernetes with ocir-broker and the simulated cloud, kept until it is interrupted, with a
 * program that runs commands in it.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@ocir-broker/testkit/until";
import { CONTROL_URL } from "../system/simulated-node.ts";
import { stateOf } from "./kubernetes-api.ts";
import { startKubernetes } from "./kubernetes-node.ts";
import { imageOf } from "./node-files.ts";

const ENTER = join(import.meta.dirname, "../../dist/cluster");
const RUN_LIMIT_MS = 300_000;
const POD = "private";

const iam = (name: string, granted: boolean) =>
  `curl -sSf -d '${JSON.stringify({ repository: `acme/${name}`, granted })}' ${CONTROL_URL}/iam`;

/** Commands to try, each with its purpose. */
const COMMANDS: readonly (readonly [what: string, command: string])[] = [
  ["the pods, without any imagePullSecret", "kubectl get pods"],
  ["another one", `kubectl run web --image=${imageOf("web")}`],
  ["deny a repository", iam("new", false)],
  ["and pull from it", `kubectl run new --image=${imageOf("new")}`],
  ["its Events", "kubectl get events --field-selector=involvedObject.name=new"],
  ["why it fails", `ocir-broker doctor ${imageOf("new")}`],
  ["grant it: the pod runs at the kubelet's next try", iam("new", true)],
  ["the node's tokens", "ocir-broker status"],
];

/** Ends after an interrupt, and leaves nothing. @param minor of Kubernetes. */
export async function stay(minor: number): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), "ocir-stay-"));
  process.env["TMPDIR"] = temporary;
  console.log("starting Kubernetes, the simulated cloud and ocir-broker, in about a minute ...");
  const node = await startKubernetes({ minor, hasPodNetwork: true });
  try {
    // In this order: a second bootstrap would remove the kubelet's flags.
    await node.bootstrap();
    await node.install();
    await node.api.createPod(POD, imageOf(POD));
    const runs = async () => stateOf(await node.api.pod(POD)) === "Running";
    await until("a pod with a private image runs", runs, RUN_LIMIT_MS);
    writeFileSync(ENTER, enterScript(node.root.hostPid), { mode: 0o755 });
    for (const [what, command] of COMMANDS) console.log(`  # ${what}\n  dist/cluster ${command}`);
    console.log("\nStop it with Ctrl-C.");
    // The node's process keeps this one running.
    await Promise.race(["SIGINT", "SIGTERM"].map((signal) => once(process, signal)));
  } finally {
    rmSync(ENTER, { force: true });
    await node.stop();
    rmSync(temporary, { recursive: true });
  }
}

function enterScript(pid: number): string {
  const namespaces = ["mount", "uts", "ipc", "net", "pid", "cgroup"].map((name) => `--${name}`).join(" ");
  const env =
    'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run KUBECONFIG=/etc/kubernetes/admin.conf TERM="$TERM"';
  return `#!/bin/sh\nexec nsenter --target ${pid} ${namespaces} --root --wdns=/ -- env -i ${env} "$@"\n`;
}
