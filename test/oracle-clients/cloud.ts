/**
 * A machine in Oracle's cloud, as its clients see it: in its own network and mount namespaces, the simulator has the addresses,
 * names and ports of the metadata service, the auth service, OCIR, an OKE cluster, an identity domain and GitHub's token endpoint. Clients run
 * unmodified, and only get a CA to trust. A real registry stores pushed images.
 */
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RefusalRecord } from "@ocir-broker/oci-simulator/http/refusal";
import type { IamChange } from "@ocir-broker/oci-simulator/iam";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { type Daemon, spawnServer, untilSaid } from "../daemon.ts";
import { homeWithStorage, writeRegistryConfig } from "../real-registry.ts";
import { runProgram } from "../run-program.ts";

export const REGISTRY_HOST = "iad.ocir.io";
/** The registry's name in Oracle's own clients. */
export const API_HOST = "ocir.us-ashburn-1.oci.oraclecloud.com";
export const TOKEN_URL = `https://${REGISTRY_HOST}/20180419/docker/token`;
/** The address that a cluster gives its service `kubernetes`, and the port of OKE's token exchange. */
export const CLUSTER_ADDRESS = "10.96.0.1:12250";
export const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
const DOMAIN_HOST = "idcs-0123456789abcdef.identity.oraclecloud.com";
export const DOMAIN_URL = `https://${DOMAIN_HOST}`;
const GITHUB_HOST = "pipelines.actions.githubusercontent.com";
/** As ACTIONS_ID_TOKEN_REQUEST_URL has it. */
export const GITHUB_URL = `https://${GITHUB_HOST}/token?api-version=2.0`;

const SIMULATOR = join(import.meta.dirname, "../oci-simulator/src/main.ts");
const CONTROL = "127.0.0.1:18083";
const STORAGE = "127.0.0.1:5000";
const HOSTS = `127.0.0.1 localhost
127.0.0.2 auth.us-ashburn-1.oraclecloud.com
127.0.0.3 ${REGISTRY_HOST} ${API_HOST}
127.0.0.4 ${DOMAIN_HOST}
127.0.0.5 ${GITHUB_HOST}
`;
/** Its own /run holds a pod's files. */
const INSIDE = `set -e
ip link set lo up
ip address add 169.254.169.254/32 dev lo
ip address add ${CLUSTER_ADDRESS.split(":")[0]}/32 dev lo
mount --bind "$1" /etc/hosts
mount -t tmpfs tmpfs /run
mkdir -p ${SERVICE_ACCOUNT_FOLDER}
echo ready
exec setpriv --pdeathsig KILL sleep infinity
`;

export type OracleCloud = Awaited<ReturnType<typeof startOracleCloud>>;

/** For test titles: the reason why it cannot be created; empty if it can. */
export function lackOfNamespaces(): string {
  if (process.getuid?.() !== 0) return " (skipped: needs root)";
  const { status } = spawnSync("unshare", ["--net", "--mount", "ip", "link", "set", "lo", "up"]);
  return status === 0 ? "" : " (skipped: needs network namespaces)";
}

export async function startOracleCloud() {
  const directory = temporaryFolder();
  const started: Daemon[] = [];
  const hosts = join(directory, "hosts");
  const caFile = join(directory, "ca.pem");
  writeFileSync(hosts, HOSTS);
  const env: Readonly<Record<string, string>> = {
    PATH: process.env["PATH"] ?? "",
    ...homeWithStorage(directory, join(directory, "storage.conf")),
    SSL_CERT_FILE: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    NODE_EXTRA_CA_CERTS: caFile,
  };

  async function start(line: string | RegExp, command: readonly string[]): Promise<number> {
    const server = spawnServer(command, env);
    started.push(server);
    await untilSaid(server, line);
    return server.pid;
  }

  async function close(): Promise<void> {
    for (const server of started.reverse()) {
      server.process.kill("SIGKILL");
      await server.stop();
    }
  }

  const inside = ["unshare", "--net", "--mount", "sh", "-c", INSIDE, "sh", hosts];
  let enter: readonly string[];
  try {
    enter = ["nsenter", `--target=${await start("ready", inside)}`, "--net", "--mount", `--wd=${directory}`, "--"];
    const registry = writeRegistryConfig(directory, { http: { addr: STORAGE, relativeurls: true } });
    await start("listening on", [...enter, "docker-registry", "serve", registry]);
    await start("ready", [
      ...[...enter, process.execPath, SIMULATOR, "--metadata", "169.254.169.254:80", "--auth", "127.0.0.2:443"],
      ...["--registry", "127.0.0.3:443", "--control", CONTROL, "--tls", "--ca-file", caFile],
      ...["--cluster", CLUSTER_ADDRESS, "--cluster-ca-file", `${SERVICE_ACCOUNT_FOLDER}/ca.crt`],
      ...["--domain", "127.0.0.4:443", "--github", "127.0.0.5:443"],
      ...["--storage", `http://${STORAGE}`],
    ]);
  } catch (error) {
    await close();
    throw error;
  }

  /** Returns its stdout. Rejects with its stderr if it fails. */
  const run = (command: readonly string[], options: { env?: Record<string, string>; input?: string } = {}) =>
    runProgram([...enter, ...command], { ...options, env: { ...env, ...options.env } });

  async function control(method: string, path: string, body?: unknown): Promise<unknown> {
    const data = body === undefined ? [] : ["--data", JSON.stringify(body)];
    return JSON.parse(await run(["curl", "-sSf", "--request", method, ...data, `http://${CONTROL}${path}`]));
  }

  return {
    /** Also root's home inside. */
    directory,
    env,
    /** Prefix of a command that runs inside. */
    enter,
    run,
    /** Starts a server inside, until it has printed this. Ended with the cloud. */
    serve: (line: string | RegExp, command: readonly string[]) => start(line, [...enter, ...command]),
    control,
    iam: async (change: IamChange) => void (await control("POST", "/iam", change)),
    /** Restores the initial state: IAM, counts and refusals, and no logins. */
    async reset(): Promise<void> {
      for (const login of [".docker/config.json", "containers/auth.json"])
        rmSync(join(directory, login), { force: true });
      await control("POST", "/reset");
    },
    refusals: () => control("GET", "/refusals") as Promise<readonly RefusalRecord[]>,
    close,
  };
}
