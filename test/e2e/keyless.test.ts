/** `ocir-broker get` as in a CI job and in a pod: no key and no password is stored anywhere. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { claimsOf } from "@ocir-broker/credentials/test/kubelet-request";
import { type SimulatorOptions, startSimulator } from "@ocir-broker/oci-simulator/simulator";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished } from "vitest";
import { BROKER } from "../daemon.ts";
import { lackOfMounts } from "./silent-nameserver.ts";

const HOST = "iad.ocir.io";
const AUDIENCE = "oci";
const SECRET = "s3cret-of-the-client";
/** OKE's exchange has a fixed port, so each test process has its own address. */
const CLUSTER = `127.84.${(process.pid >> 8) & 255}.${process.pid & 255}`;

async function setUp(options: SimulatorOptions = {}) {
  const simulator = await startSimulator({ tls: true, ...options });
  onTestFinished(() => simulator.close());
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const write = (name: string, text: string, mode = 0o644) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode });
    return path;
  };
  const config = {
    registries: { prefetch: [], endpoints: { [HOST]: simulator.registryUrl.origin } },
    upstream: { caFile: write("region.crt", simulator.caCertificate ?? "") },
  };
  const args = [
    "get",
    "--config",
    write("config.yaml", JSON.stringify(config)),
    "--output",
    "password",
    `${HOST}/acme/web`,
  ];
  const environment = { HOME: folder, PATH: String(process.env["PATH"]) };
  return {
    simulator,
    folder,
    write,
    get: (variables: Readonly<Record<string, string>>, command: readonly string[] = [BROKER]) => {
      const [path = "", ...before] = command;
      return callCredentialProvider({
        path,
        args: [...before, ...args],
        env: { ...environment, ...variables },
        stdin: "",
      });
    },
  };
}

it("a CI job gets a token with the token of its issuer, and each mistake is named", async () => {
  const { simulator, write, get } = await setUp();
  const subject = "system:serviceaccount:ci:main";
  const serviceUsers = [{ rule: `sub eq ${subject}`, name: "ci", group: "pushers" }];
  simulator.addTrust({ audience: AUDIENCE, oauthClients: { app: SECRET }, serviceUsers });
  const issue = (serviceAccount: string, audience = AUDIENCE) =>
    simulator.serviceAccountToken({ namespace: "ci", serviceAccount, audience });
  const token = write("token", await issue("main"));
  const job = {
    OCI_CLI_AUTH: "workload_identity_federation",
    OCI_REGION: "us-ashburn-1",
    OCI_TOKEN_EXCHANGE_DOMAIN_URL: simulator.domainUrl.origin,
    OCI_TOKEN_EXCHANGE_CLIENT_ID: "app",
    OCI_TOKEN_EXCHANGE_CLIENT_SECRET: SECRET,
    OCI_WORKLOAD_IDENTITY_TOKEN_PATH: token,
  };
  const { stdout, stderr } = await get(job);
  expect(stderr).toBe("");
  expect(claimsOf(stdout)).toMatchObject({ aud: simulator.registryUrl.host });

  const inVariable = { OCI_WORKLOAD_IDENTITY_TOKEN_PATH: "" };
  const mistakes: [expected: RegExp, variables: Record<string, string>][] = [
    [
      /subject-token-refused.*system:serviceaccount:ci:other/,
      { ...inVariable, OCI_WORKLOAD_IDENTITY_TOKEN: await issue("other") },
    ],
    [/subject-token-refused.*audience sts/, { ...inVariable, OCI_WORKLOAD_IDENTITY_TOKEN: await issue("main", "sts") }],
    [/domain-client-refused/, { OCI_TOKEN_EXCHANGE_CLIENT_SECRET: "wrong" }],
    [/identity-variable-missing.*OCI_TOKEN_EXCHANGE_CLIENT_SECRET/, { OCI_TOKEN_EXCHANGE_CLIENT_SECRET: "" }],
    [/github-permission-missing.*id-token: write/, { ...inVariable, GITHUB_ACTIONS: "true" }],
  ];
  for (const [expected, variables] of mistakes) {
    const refused = await get({ ...job, ...variables });
    expect(refused).toMatchObject({ exitCode: 1, stdout: "", stderr: expect.stringMatching(expected) });
    expect(refused.stderr).not.toContain(SECRET);
  }
});

it.skipIf(lackOfMounts !== "")(`a pod gets a token with its own service account${lackOfMounts}`, async () => {
  const { simulator, folder, write, get } = await setUp({ cluster: `${CLUSTER}:12250` });
  mkdirSync(join(folder, "run/secrets/kubernetes.io/serviceaccount"), { recursive: true });
  const wanted = {
    namespace: "builds",
    serviceAccount: "push",
    audience: "https://kubernetes.default.svc.cluster.local",
  };
  write("run/secrets/kubernetes.io/serviceaccount/token", await simulator.serviceAccountToken(wanted));
  write("run/secrets/kubernetes.io/serviceaccount/ca.crt", simulator.clusterCaCertificate);
  // /var/run is a link to /run.
  const inside = `mount --bind ${folder}/run /run && exec "$0" "$@"`;
  const { stdout, stderr } = await get(
    {
      OCI_CLI_AUTH: "oke_workload_identity",
      OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1",
      KUBERNETES_SERVICE_HOST: CLUSTER,
    },
    ["unshare", "--mount", "sh", "-c", inside, BROKER],
  );
  expect(stderr).toBe("");
  expect(claimsOf(stdout)).toMatchObject({ aud: simulator.registryUrl.host });
});
