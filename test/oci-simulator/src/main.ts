/** `npm run simulator`: starts the simulator from the command line, prints its addresses, and stops on SIGTERM or SIGINT. */
import { readFile, writeFile } from "node:fs/promises";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { ASHBURN } from "./metadata/instance.ts";
import { type Simulator, startSimulator } from "./simulator.ts";

const HELP = `A strict stand-in for Oracle's cloud: metadata service, auth service and container registry.

Usage: npm run simulator -- [options]

Where to listen (host:port; port 0 takes a free one):
  --metadata ADDRESS   default 127.0.0.1:18081
  --auth ADDRESS       default 127.0.0.1:18082
  --registry ADDRESS   default 127.0.0.1:18080; may be repeated
  --control ADDRESS    default 127.0.0.1:18083
  --cluster ADDRESS    default 127.0.0.1:18084; may be repeated; always HTTPS, with the cluster's own CA
  --domain ADDRESS     default 127.0.0.1:18085: the identity domain's /oauth2/v1/token
  --github ADDRESS     default 127.0.0.1:18086: GitHub's endpoint for the tokens of a job, /token?api-version=2.0

HTTPS for auth, identity domain, GitHub and registry:
  --tls                on, with a CA of its own and a certificate for any name asked for
  --ca-file PATH       where to write the CA's certificate (with --tls)

Service accounts of an OKE cluster:
  --cluster-ca-file PATH           where to write the certificate of the cluster's CA
  --service-account-issuer PATH    JSON {"issuer":…,"audience":…,"keys":{"keys":[…]}} of a real API server; default: its own

What is simulated:
  --token-life S       seconds that a registry token lives; default 3600
  --instance-metadata KEY=VALUE  a key of /instance/metadata, such as oke_init_script; may be repeated
  --storage URL        a registry of the distribution project, open to all and with relativeurls, that keeps what is
                       pushed (up to 1 MiB a request); default: none, and no pushing
  --program PATH       a static executable that the registry's images run; default: none, only a text in them

Control API (JSON):
  GET /requests        count by endpoint          GET /refusals   why requests were refused
  POST /reset          counts, faults, IAM
  POST /iam            {"granted":false,"repository":"ns/repo"} {"dynamicGroup":false} {"writable":true}
                       {"repository":"ns/repo","serviceAccount":"shop/puller","granted":true}
                       {"repository":"ns/repo","group":"pullers","granted":true}
                       {"repository":"ns/repo","public":true} {"repository":"ns/repo","exists":false}
                       {"repository":"ns","exists":false}: no tenancy has this namespace
  POST /faults         {"endpoint":"auth.x509","times":3,"status":429,"retryAfter":2}; all fields: src/http/faults.ts
                       a node too young: {"endpoint":["metadata.cert","metadata.key"],"times":5,"status":404}
  DELETE /faults       removes all faults, and releases hanging requests
  POST /service-account-tokens  {"namespace":"shop","serviceAccount":"puller"}: a pod's token
  POST /job-tokens     {"subject":"repo:acme/shop:ref:refs/heads/main","audience":"oci"}: a CI system's token for a job
  POST /jobs           {"subject":"repo:acme/shop:ref:refs/heads/main"}: ACTIONS_ID_TOKEN_REQUEST_TOKEN of a job
  POST /trusts         {"audience":"oci","oauthClients":{"id":"secret"},"serviceUsers":[
                       {"rule":"sub eq system:serviceaccount:shop:puller","name":"puller","group":"pullers"}]}
                       for jobs also "issuer":"https://token.actions.githubusercontent.com"
  POST /api-keys       {"publicKey":"-----BEGIN PUBLIC KEY-----…"}: for ~/.oci/config, an administrator's
  POST /cli-sessions   the same: the session of oci session authenticate
  POST /resource-tokens  the same: a container instance's RPST
`;

/** The instance's region, of which the daemon keeps a token and to which an installation makes its first call; and one for images. */
const HOSTS = [`${ASHBURN.key.toLowerCase()}.ocir.io`, `${ASHBURN.id}.ocir.io`, "icn.ocir.io"];

const OPTIONS = {
  metadata: { type: "string", default: "127.0.0.1:18081" },
  auth: { type: "string", default: "127.0.0.1:18082" },
  registry: { type: "string", multiple: true, default: ["127.0.0.1:18080"] },
  control: { type: "string", default: "127.0.0.1:18083" },
  cluster: { type: "string", multiple: true, default: ["127.0.0.1:18084"] },
  domain: { type: "string", default: "127.0.0.1:18085" },
  github: { type: "string", default: "127.0.0.1:18086" },
  "cluster-ca-file": { type: "string" },
  "service-account-issuer": { type: "string" },
  tls: { type: "boolean", default: false },
  "ca-file": { type: "string" },
  "token-life": { type: "string", default: "3600" },
  "instance-metadata": { type: "string", multiple: true, default: [] },
  storage: { type: "string" },
  program: { type: "string" },
  help: { type: "boolean", short: "h", default: false },
} satisfies NonNullable<ParseArgsConfig["options"]>;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { "ca-file": caFile, "cluster-ca-file": clusterCaFile, "service-account-issuer": issuerFile } = values;
  const { metadata, auth, registry, control, cluster, domain, github, tls, storage, program } = values;
  const simulator = await startSimulator({
    metadata,
    auth,
    registry,
    control,
    cluster,
    domain,
    github,
    tls,
    serviceAccountIssuer: issuerFile === undefined ? undefined : JSON.parse(await readFile(issuerFile, "utf8")),
    tokenLifeMs: Number(values["token-life"]) * 1_000,
    instanceMetadata: Object.fromEntries(values["instance-metadata"].map(parseEntry)),
    storage: storage === undefined ? undefined : new URL(storage),
    program: program === undefined ? undefined : await readFile(program),
  });
  if (caFile !== undefined) await writeFile(caFile, String(simulator.caCertificate));
  if (clusterCaFile !== undefined) await writeFile(clusterCaFile, simulator.clusterCaCertificate);
  process.stdout.write(describe(simulator, caFile));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void simulator.close());
}

function parseEntry(text: string): [key: string, value: string] {
  const [key = "", ...value] = text.split("=");
  return [key, value.join("=")];
}

function describe(simulator: Simulator, caFile: string | undefined): string {
  const { metadataUrl, authUrl, registryUrls, registryUrl, controlUrl } = simulator;
  return `OCI simulator
  metadata  ${metadataUrl}
  auth      ${authUrl.origin}/v1/x509
  registry  ${registryUrls.map((url) => url.origin).join(" ")}
  control   ${controlUrl.origin}
  cluster   ${simulator.clusterUrl.origin}
  domain    ${simulator.domainUrl.origin}
  github    ${simulator.githubUrl}

Point a broker at it, in its configuration, such as /etc/ocir-broker/config.yaml:
metadata:
  baseUrl: ${metadataUrl}
auth:
  endpoint: ${authUrl.origin}
${caFile === undefined ? "" : `upstream:\n  caFile: ${caFile}\n`}registries:
  endpoints:
${HOSTS.map((host) => `    ${host}: ${registryUrl.origin}\n`).join("")}
or the first two settings in its environment:
  export OCI_METADATA_BASE_URL=${metadataUrl}
  export OCI_SDK_AUTH_CLIENT_REGION_URL=${authUrl.origin}

Try:
  curl -H 'Authorization: Bearer Oracle' ${metadataUrl}/instance/regionInfo
  curl ${controlUrl.origin}/requests
ready
`;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`oci-simulator: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
