/** The cluster with its one node, through kubectl. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CoreV1Event, V1Node, V1Pod, V1Secret } from "@kubernetes/client-node";
import { bundle } from "@ocir-broker/foundation/bundle";
import { until } from "@ocir-broker/testkit/until";
import { podManifest, stateOf } from "../cluster/kubernetes-api.ts";
import { pullSecret } from "../cluster/pull-secret-objects.ts";
import { runProgram } from "../run-program.ts";
import type { Answers } from "./questions.ts";

interface ClusterOptions {
  readonly kubeconfig: string;
  readonly onNode: readonly string[] | undefined;
  readonly namespace: string;
  /** For the kubeconfig. */
  readonly folder: string;
}

export type Cluster = ReturnType<typeof clusterOf>;

const NODE_LIMIT_MS = 900_000;
const PULL_LIMIT_MS = 600_000;
const POLL_MS = 2_000;
/** Has a shell and chroot. */
const DEBUG_IMAGE = "container-registry.oracle.com/os/oraclelinux:9-slim";

const END = "//end of the program";
/** Runs the program on stdin, which ends with `END`: kubectl debug does not pass on the end of stdin. */
const UNTIL_END = `let text = "";
process.stdin.setEncoding("utf8").on("data", (part) => {
  text += part;
  if (text.trimEnd().endsWith("${END}")) process.stdin.destroy(), Function("require", text)(require);
});`;

export function clusterOf({ kubeconfig, onNode, namespace, folder }: ClusterOptions) {
  const env = { ...process.env, KUBECONFIG: join(folder, "kubeconfig") };
  writeFileSync(env.KUBECONFIG, kubeconfig, { mode: 0o600 });
  const kubectl = (args: readonly string[], input?: string) => runProgram(["kubectl", ...args], { env, input });
  const inNamespace = (...args: readonly string[]) => kubectl(["--namespace", namespace, ...args]);
  const read = async <T>(...args: readonly string[]) => JSON.parse(await inNamespace(...args, "--output=json")) as T;
  const apply = (manifest: string | object) =>
    kubectl(["apply", "--filename=-"], typeof manifest === "string" ? manifest : JSON.stringify(manifest));
  const nodes = async () => (await read<{ items: V1Node[] }>("get", "nodes")).items;

  /** @param spec further fields of its spec */
  async function create(name: string, image: string, spec: object): Promise<void> {
    await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    await untilDefaultAccount();
    await apply({ apiVersion: "v1", kind: "Pod", ...podManifest(name, image, spec), metadata: { name, namespace } });
  }

  function untilDefaultAccount(): Promise<void> {
    const isThere = () =>
      inNamespace("get", "serviceaccount", "default").then(
        () => true,
        () => false,
      );
    return until("the namespace has its service account", isThere, PULL_LIMIT_MS, POLL_MS);
  }

  async function debugNode(image: string, command: readonly string[], input: string): Promise<string> {
    const [node] = await nodes();
    const debug = ["debug", `node/${node?.metadata?.name}`, "--profile=sysadmin", `--image=${image}`];
    return kubectl([...debug, "--stdin", "--quiet", "--", ...command], input);
  }

  const isRunning = async (name: string) => stateOf(await read<V1Pod>("get", "pod", name)) === "Running";

  async function failures(name: string): Promise<string[]> {
    const selector = `--field-selector=involvedObject.name=${name},reason=Failed`;
    const { items } = await read<{ items: CoreV1Event[] }>("get", "events", selector);
    return items.flatMap(({ message }) => message ?? []).filter((message) => message.includes("pull"));
  }

  return {
    apply,
    /** Runs a shell script on the node, as root. Returns its stdout. */
    async onNode(script: string): Promise<string> {
      // kubectl debug passes on neither the end of stdin nor the exit status.
      const input = `(\n${script}\n)\necho "status $?"\nexit\n`;
      const said = await (onNode === undefined
        ? debugNode(DEBUG_IMAGE, ["chroot", "/host", "sh", "-s"], input)
        : runProgram(onNode, { input }));
      const [, output = "", status] = /^(.*)status (\d+)\s*$/s.exec(said) ?? [];
      if (status !== "0") throw new Error(`a command on the node ended with ${status}: ${said.slice(-300)}`);
      return output;
    },
    /** Asks the questions on the node. @param controllerImage has Node */
    async ask(image: string, controllerImage: string): Promise<Answers> {
      const outfile = join(folder, "ask.cjs");
      await bundle({ entryPoints: [join(import.meta.dirname, "ask.ts")], outfile, format: "cjs" });
      const program = readFileSync(outfile, "utf8");
      const output =
        onNode === undefined
          ? await debugNode(controllerImage, ["/node", "--eval", UNTIL_END, image], `${program}\n${END}\n`)
          : await runProgram(onNode, { input: `node - ${image} <<'${END}'\n${program}\n${END}\n` });
      const line = output.split("\n").findLast((each) => each.startsWith("{"));
      if (line === undefined) throw new Error(`the program on the node wrote no answers: ${output.slice(-300)}`);
      return JSON.parse(line) as Answers;
    },
    /** The facts of the only node. */
    async untilNodeReady() {
      let status: V1Node["status"];
      const isReady = async () => {
        status = (await nodes())[0]?.status;
        return status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
      };
      await until("the node is ready", isReady, NODE_LIMIT_MS, POLL_MS);
      const { kubeletVersion: kubelet = "", osImage: image = "", architecture = "" } = status?.nodeInfo ?? {};
      return { kubelet, image, architecture };
    },
    /** @returns the seconds, and the failures on the way. */
    async untilRunning(name: string, image: string, spec: object = {}) {
      const startedAtMs = performance.now();
      await create(name, image, spec);
      await until(`${name} runs`, () => isRunning(name), PULL_LIMIT_MS, POLL_MS);
      const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
      return { seconds, failures: await failures(name) };
    },
    /** The pull's error; undefined if the pod runs, and then it is gone. */
    async failureOf(name: string, image: string, spec: object = {}): Promise<string | undefined> {
      await create(name, image, spec);
      let message: string | undefined;
      const isSettled = async () => {
        message = (await failures(name))[0];
        return message !== undefined || (await isRunning(name));
      };
      await until(`${name} runs or fails`, isSettled, PULL_LIMIT_MS, POLL_MS);
      if (message === undefined) await inNamespace("delete", "pod", name);
      return message;
    },
    async createServiceAccount(name: string): Promise<void> {
      await apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
    },
    /** Installs the chart of pull secrets with this image's repository, and waits for its replicas. */
    async installPullSecrets(chart: string, repository: string, names: readonly string[]): Promise<void> {
      const release = ["ocir-pull-secrets", chart, "--namespace", "ocir-pull-secrets", "--create-namespace"];
      const values = ["--set", `image.repository=${repository}`, "--set", `names={${names}}`];
      await runProgram(["helm", "upgrade", "--install", ...release, ...values], { env });
      const deployment = ["--namespace", "ocir-pull-secrets", "deployment/ocir-pull-secrets"];
      await kubectl(["rollout", "status", ...deployment, "--timeout=600s"]);
    },
    async createPullSecret(name: string, registry: string): Promise<void> {
      await apply(pullSecret({ registries: [registry] }, { name, namespace }));
    },
    /** @returns the content of `.dockerconfigjson`. */
    async untilPullSecret(name: string): Promise<string> {
      await inNamespace("wait", `ocirps/${name}`, "--for=condition=Ready", "--timeout=300s");
      const { data } = await read<V1Secret>("get", "secret", name);
      return Buffer.from(data?.[".dockerconfigjson"] ?? "", "base64").toString();
    },
    /** Of the API server's own tokens, which OKE's token exchange accepts. */
    async audience(): Promise<string> {
      const [, claims = ""] = (await inNamespace("create", "token", "default")).split(".");
      const { aud } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { aud: string | readonly string[] };
      return [aud].flat()[0] as string;
    },
  };
}
