/**
 * What a node finds in its network: Oracle's services (the simulator, under their names and certificates), an API server with etcd, and a
 * bucket with the files of a release. All of it runs in the network namespace of the tests (main.ts).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { openSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import type { V1Node, V1Pod } from "@kubernetes/client-node";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { until } from "@ocir-broker/testkit/until";
import { makeWaitingProgram } from "../cluster/node-files.ts";
import { clusterPrograms, NEWEST_MINOR } from "../cluster/programs.ts";
import { createTlsIdentity } from "../oci-simulator/src/http/tls-identity.ts";
import { startSimulator } from "../oci-simulator/src/simulator.ts";
import { ADDRESSES, ADMIN_TOKEN, API_SERVER, CLUSTER_CA, NODE_NAME, NODE_TOKEN, REGISTRY_HOST } from "./names.ts";
import { NODE_DISK } from "./node-disk.ts";
import type { NodeFile } from "./node-files.ts";
import { MACHINE_FOLDER, RELEASES } from "./release.ts";
import { LIMIT_MS } from "./virtual-machine.ts";

const SERVE_FOLDER = join(import.meta.dirname, "../system/serve-folder.mjs");
const ISSUER = "https://kubernetes.default.svc.cluster.local";

export type Cloud = Awaited<ReturnType<typeof startCloud>>;

export async function startCloud() {
  const work = temporaryFolder();
  const children: ChildProcess[] = [];
  const start = (program: string, ...args: readonly string[]) => {
    const log = openSync(join(MACHINE_FOLDER, `${basename(program)}.log`), "w");
    children.push(spawn(program, args, { stdio: ["ignore", log, log] }));
  };

  makeWaitingProgram(join(work, "wait"));
  const metadata: Record<string, string> = {};
  const simulator = await startSimulator({
    metadata: `${ADDRESSES.metadata}:80`,
    auth: `${ADDRESSES.auth}:443`,
    registry: `${ADDRESSES.registry}:443`,
    tls: true,
    instanceMetadata: metadata,
    program: readFileSync(join(work, "wait")),
  });
  start(process.execPath, SERVE_FOLDER, RELEASES, ADDRESSES.bucket, "80");

  const { caCertificate, serverOptions } = await createTlsIdentity([ADDRESSES.apiServer], createSystemClock());
  const path = (name: string): string => join(work, name);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  writeFileSync(path("sa.key"), privateKey.export({ type: "pkcs1", format: "pem" }));
  writeFileSync(path("api.crt"), serverOptions.cert);
  writeFileSync(path("api.key"), serverOptions.key);
  writeFileSync(
    path("tokens.csv"),
    `${ADMIN_TOKEN},admin,1,system:masters\n${NODE_TOKEN},system:node:${NODE_NAME},2,system:nodes\n`,
  );
  start("etcd", `--data-dir=${path("etcd")}`, "--unsafe-no-fsync");
  start(
    clusterPrograms(NEWEST_MINOR).find(({ name }) => name === "kube-apiserver")?.path ?? "",
    "--etcd-servers=http://127.0.0.1:2379",
    `--bind-address=${ADDRESSES.apiServer}`,
    `--advertise-address=${ADDRESSES.apiServer}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=Node,RBAC",
    `--token-auth-file=${path("tokens.csv")}`,
    `--tls-cert-file=${path("api.crt")}`,
    `--tls-private-key-file=${path("api.key")}`,
    `--service-account-key-file=${path("sa.key")}`,
    `--service-account-signing-key-file=${path("sa.key")}`,
    `--service-account-issuer=${ISSUER}`,
  );

  /** A request of the administrator. Rejects unless it succeeds. */
  async function call<Kind>(method: string, at: string, body?: object): Promise<Kind> {
    const { promise, resolve, reject } = Promise.withResolvers<Kind>();
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "content-type": "application/json" };
    const sent = request(`${API_SERVER}${at}`, { method, headers, ca: caCertificate }, async (response) => {
      const said = await text(response);
      if ((response.statusCode ?? 0) < 300) resolve(said.startsWith("{") ? JSON.parse(said) : said);
      else reject(new Error(`${method} ${at}: ${response.statusCode}: ${said}`));
    });
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
    return promise;
  }

  const answers = () => call("GET", "/readyz").then(Boolean, () => false);
  await until("the API server is ready", answers, LIMIT_MS);
  // There is no controller for it.
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  const hasAccount = () =>
    call("POST", accounts, { metadata: { name: "default" } }).then(
      () => true,
      () => false,
    );
  await until("the namespace `default` has an account", hasAccount, LIMIT_MS);

  const pods = "/api/v1/namespaces/default/pods";
  return {
    simulator,
    async close(): Promise<void> {
      for (const child of children) child.kill("SIGKILL");
      await simulator.close();
    },
    /** For the node: the authorities that it trusts. */
    files: [
      file("/etc/ssl/certs/ca-certificates.crt", `${readFileSync(NODE_DISK.authorities)}${simulator.caCertificate}`),
      file(CLUSTER_CA, caCertificate),
    ],
    /** Sets what cloud-init runs at the first boot of a node. */
    setUserData(script: string): void {
      metadata["user_data"] = Buffer.from(script).toString("base64");
    },
    /** Of a new node. */
    async forgetNode(): Promise<void> {
      await call("DELETE", "/api/v1/nodes");
      await call("DELETE", `${pods}?gracePeriodSeconds=0`);
    },
    async untilNodeReady(): Promise<void> {
      const isReady = async () => {
        const { status } = await call<V1Node>("GET", `/api/v1/nodes/${NODE_NAME}`);
        return (
          status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false
        );
      };
      await until("the node is ready", isReady, LIMIT_MS);
    },
    /** Starts a pod with the image of its name, which is private unless it begins with `oke-public-`, and waits until it runs. */
    async runPod(name: string): Promise<void> {
      await call("POST", pods, {
        metadata: { name },
        spec: {
          nodeName: NODE_NAME,
          hostNetwork: true,
          automountServiceAccountToken: false,
          containers: [{ name: "main", image: `${REGISTRY_HOST}/acme/${name}:1`, imagePullPolicy: "Always" }],
        },
      });
      let pod: V1Pod | undefined;
      const isRunning = async () => {
        pod = await call<V1Pod>("GET", `${pods}/${name}`);
        return pod.status?.phase === "Running";
      };
      await until(() => `the pod ${name} runs: ${JSON.stringify(pod?.status)}`, isRunning, LIMIT_MS);
    },
  };
}

const file = (to: string, content: string): NodeFile => ({ from: { text: content }, to });
