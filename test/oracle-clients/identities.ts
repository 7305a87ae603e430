/** The identities of Oracle's clients: writes the keys, tokens and settings that each needs, and names the subject of its tokens. */
import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiKeySettings } from "@ocir-broker/oci-simulator/auth/api-keys";
import { CLUSTER_ADDRESS, DOMAIN_URL, GITHUB_URL, type OracleCloud, SERVICE_ACCOUNT_FOLDER } from "./cloud.ts";

export interface Identity {
  /** Added to a client's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Matches the `sub` of its registry tokens. */
  readonly sub: RegExp;
  /** Grants that a reset of the cloud removes. */
  grant?(): Promise<void>;
}

/** The names that the programs of this folder take as their first argument. */
export const IDENTITIES = ["instance", "user", "session", "resource", "workload"] as const;
export const DOMAIN_IDENTITIES = ["domain-client", "domain-instance"] as const;

export type IdentityName = (typeof IDENTITIES | typeof DOMAIN_IDENTITIES)[number];

/** The service account of the identity `workload`, as `namespace/name`. */
export const SERVICE_ACCOUNT = "shop/puller";

const AUDIENCE = "ocir";
const CLIENT = { id: "0123456789abcdef", secret: "a-client-secret" };
const JOB = "repo:acme/shop:ref:refs/heads/main";
/** Of a trust. */
const JOBS = {
  issuer: "https://token.actions.githubusercontent.com",
  oauthClients: { [CLIENT.id]: CLIENT.secret },
};
const HOUR_MS = 3_600_000;
const REGION = { OCI_RESOURCE_PRINCIPAL_VERSION: "2.2", OCI_RESOURCE_PRINCIPAL_REGION: "us-ashburn-1" };

/** What a job of GitHub Actions has in its environment, and the trust of the identity domain for it. */
export async function giveJob({ control }: OracleCloud, group: string) {
  const { token } = (await control("POST", "/jobs", { subject: JOB })) as { token: string };
  const trust = {
    ...JOBS,
    serviceUsers: [{ rule: `sub eq ${JOB}`, name: "ci", group }],
  };
  await control("POST", "/trusts", trust);
  return {
    OCI_CLI_AUTH: "workload_identity_federation",
    OCI_REGION: "us-ashburn-1",
    OCI_TOKEN_EXCHANGE_DOMAIN_URL: DOMAIN_URL,
    OCI_TOKEN_EXCHANGE_CLIENT_ID: CLIENT.id,
    OCI_TOKEN_EXCHANGE_CLIENT_SECRET: CLIENT.secret,
    ACTIONS_ID_TOKEN_REQUEST_URL: GITHUB_URL,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
  };
}

export async function giveIdentities(cloud: OracleCloud): Promise<Readonly<Record<IdentityName, Identity>>> {
  const user = await giveApiKey(cloud);
  await giveSession(cloud);
  return {
    instance: { env: {}, sub: /^ocid1\.instance\./ },
    user: { env: {}, sub: new RegExp(`^${user.user}$`) },
    session: { env: { OCI_CLI_PROFILE: "SESSION" }, sub: new RegExp(`^${user.user}$`) },
    resource: await giveResourcePrincipal(cloud),
    workload: await giveServiceAccount(cloud),
    "domain-client": await giveServiceUser(cloud, JOB, await jobToken(cloud), JOBS),
    "domain-instance": await giveServiceUser(
      cloud,
      `system:serviceaccount:${SERVICE_ACCOUNT.replace("/", ":")}`,
      await serviceAccountToken(cloud, AUDIENCE),
      {},
    ),
  };
}

/** As a person does: creates a key pair, uploads the public key to the Console, and copies the Console's lines to ~/.oci/config. */
async function giveApiKey({ directory, control }: OracleCloud): Promise<ApiKeySettings> {
  const folder = join(directory, ".oci");
  mkdirSync(folder, { recursive: true });
  const { keyFile, publicKey } = writeKey(folder);
  const settings = (await control("POST", "/api-keys", { publicKey })) as ApiKeySettings;
  writeFileSync(join(folder, "config"), `[DEFAULT]\n${linesOf({ ...settings, key_file: keyFile })}`, { mode: 0o600 });
  return settings;
}

/** As `oci session authenticate` leaves it after a login in a browser: the profile SESSION, with token and key. */
async function giveSession({ directory, control }: OracleCloud): Promise<void> {
  const folder = join(directory, ".oci/sessions/SESSION");
  mkdirSync(folder, { recursive: true });
  const { keyFile, publicKey } = writeKey(folder);
  const session = await control("POST", "/cli-sessions", { publicKey });
  const { token, fingerprint, tenancy, region } = session as ApiKeySettings & { token: string };
  const tokenFile = join(folder, "token");
  writeFileSync(tokenFile, token, { mode: 0o600 });
  const profile = { fingerprint, tenancy, region, key_file: keyFile, security_token_file: tokenFile };
  appendFileSync(join(directory, ".oci/config"), `\n[SESSION]\n${linesOf(profile)}`);
}

/** As a platform gives it to a container: the variables of version 2.2. */
async function giveResourcePrincipal({ directory, control }: OracleCloud): Promise<Identity> {
  const { keyFile, publicKey } = writeKey(directory);
  const { token } = (await control("POST", "/resource-tokens", { publicKey })) as { token: string };
  const tokenFile = join(directory, "rpst");
  writeFileSync(tokenFile, token);
  const env = { ...REGION, OCI_RESOURCE_PRINCIPAL_RPST: tokenFile, OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM: keyFile };
  return { env, sub: /^ocid1\.computecontainerinstance\./ };
}

/** As OKE gives it to a pod: Kubernetes' variables, and the token at its usual place. The cluster's CA is there already. */
export async function giveServiceAccount(cloud: OracleCloud): Promise<Identity> {
  const token = await serviceAccountToken(cloud);
  await cloud.run(["tee", `${SERVICE_ACCOUNT_FOLDER}/token`], { input: token });
  const [KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT_PROXYMUX] = CLUSTER_ADDRESS.split(":") as [string, string];
  const env = { ...REGION, KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT_PROXYMUX };
  return { env, sub: /^ocid1\.workload\./ };
}

/** A service user of the identity domain, which a token of an issuer is exchanged for. Without clients an instance may ask. */
async function giveServiceUser(cloud: OracleCloud, subject: string, token: string, trust: object): Promise<Identity> {
  const serviceUsers = [{ rule: `sub eq ${subject}`, name: "puller", group: "pullers" }];
  return {
    env: {
      DOMAIN_URL,
      DOMAIN_CLIENT_ID: CLIENT.id,
      DOMAIN_CLIENT_SECRET: CLIENT.secret,
      SUBJECT_TOKEN: token,
    },
    sub: /^ocid1\.user\..*\.puller$/,
    grant: async () => void (await cloud.control("POST", "/trusts", { audience: AUDIENCE, serviceUsers, ...trust })),
  };
}

async function jobToken({ control }: OracleCloud): Promise<string> {
  const wanted = { subject: JOB, audience: AUDIENCE, lifeMs: HOUR_MS };
  return ((await control("POST", "/job-tokens", wanted)) as { token: string }).token;
}

async function serviceAccountToken({ control }: OracleCloud, audience?: string): Promise<string> {
  const [namespace, serviceAccount] = SERVICE_ACCOUNT.split("/");
  const issued = await control("POST", "/service-account-tokens", { namespace, serviceAccount, audience });
  return (issued as { token: string }).token;
}

function writeKey(folder: string): { readonly keyFile: string; readonly publicKey: string } {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const keyFile = join(folder, "oci_api_key.pem");
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return { keyFile, publicKey: String(publicKey.export({ type: "spki", format: "pem" })) };
}

function linesOf(settings: object): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
