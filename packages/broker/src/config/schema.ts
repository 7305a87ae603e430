/**
 * The configuration's schema: every key with type, default, check and description. JSON Schema, reference page, man page and
 * example are generated from it.
 */
import { DEFAULT_PROVIDER, PROVIDER_NAMES } from "@ocir-broker/identity";
import { CREDENTIALS_SOCKET, HEALTH_SOCKET, SHIM_DAEMON_MS } from "@ocir-broker/protocol";
import * as z from "zod";
import { duration } from "./duration.ts";
import { endpoint, proxy, registryEndpoint, registryHost } from "./endpoint.ts";

const socketPath = z
  .string("must be a path")
  // sun_path holds 108 bytes including the terminator; a longer path would be cut silently.
  .regex(/^\/[^\0]{1,106}$/, "must be an absolute path of at most 107 characters");

const absolutePath = z.string("must be a path").regex(/^\/[^\0]{1,4000}$/, "must be an absolute path");

/** A group of keys. */
function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, "must be a mapping of keys");
}

/** Where a person's identity is. The names are those of Oracle's command line. */
function profileSection(used: string) {
  return section({
    configFile: z
      .string("must be a path")
      .regex(/^[/~][^\0]{0,4000}$/, "must be an absolute path, or one that starts with ~/")
      .optional()
      .describe(
        `For ${used}: the file with its profile. Environment: OCI_CLI_CONFIG_FILE, OCI_CONFIG_FILE. Default: ~/.oci/config.`,
      )
      .meta({ examples: ["/etc/ocir-broker/oci-config"] }),
    profile: z
      .string("must be a profile's name")
      .regex(/^[^\0\n\]]{1,200}$/, "must be a profile's name without brackets")
      .optional()
      .describe(
        `For ${used}: the profile. Keys that it lacks are taken from [DEFAULT]. Environment: OCI_CLI_PROFILE. Default: DEFAULT.`,
      )
      .meta({ examples: ["SEOUL"] }),
  }).prefault({});
}

export const configSchema = z.strictObject(
  {
    sockets: section({
      credentials: socketPath
        .default(CREDENTIALS_SOCKET)
        .describe("The socket for the shim. Mode 0600. Ignored with socket activation."),
      health: socketPath
        .default(HEALTH_SOCKET)
        .describe("The health socket, readable by any local user. Mode 0666; never a secret."),
    }).prefault({}),
    request: section({
      deadline: duration("1s", "19s")
        .default("15s")
        .describe(
          `How long one request may wait for Oracle's services. The shim gives up after ${SHIM_DAEMON_MS / 1_000} s.`,
        ),
    }).prefault({}),
    identity: section({
      provider: z
        .enum(PROVIDER_NAMES, `must be ${PROVIDER_NAMES.slice(0, -1).join(", ")} or ${PROVIDER_NAMES.at(-1)}`)
        .default(DEFAULT_PROVIDER)
        .describe(
          "Whose identity signs: instance-principal, this node's; user, an API key of ~/.oci/config; session, what oci session authenticate wrote there; resource-principal, of a function or container instance, from its OCI_RESOURCE_PRINCIPAL_* variables; none, for a node that only serves service accounts. The broker never changes to another one by itself.",
        ),
    }).prefault({}),
    user: profileSection("identity.provider: user"),
    session: profileSection("identity.provider: session"),
    serviceAccounts: section({
      exchange: z
        .enum(["none", "oke"], "must be none or oke")
        .default("none")
        .describe(
          "How a pod's service-account token becomes an identity: oke, at the cluster (OKE Workload Identity, enhanced clusters). With none, such requests are refused.",
        ),
      select: z
        .enum(["all", "annotated"], "must be all or annotated")
        .default("all")
        .describe(
          "Service accounts that use their own identity: all whose token the kubelet sends, or the annotated ones; the others then use the node's.",
        ),
      annotation: z
        .string("must be the name of an annotation")
        .regex(
          /^(?:[a-z0-9.-]{1,253}\/)?[A-Za-z0-9._-]{1,63}$/,
          'must be the name of an annotation, such as "team/identity"',
        )
        .default("ocir-broker/identity")
        .describe("The annotation that opts a service account in, by the value workload."),
      fallback: z
        .enum(["none", "node"], "must be none or node")
        .default("none")
        .describe(
          "The identity for a service account whose token cannot be exchanged: none, so the pull is anonymous, or the node's.",
        ),
      audience: z
        .string("must be an audience")
        .min(1, "must be an audience")
        .optional()
        .describe(
          "The audience that service-account tokens must have, as serviceAccountTokenAudience in the kubelet's configuration. Default: any.",
        )
        .meta({ examples: ["https://kubernetes.default.svc.cluster.local"] }),
      longestTokenLife: duration("1m", "60m")
        .default("60m")
        .describe("How long a registry token is kept for a service account: the bound on a revocation."),
      apiServer: registryEndpoint
        .optional()
        .describe("The cluster's API server. Default: from the kubeconfig, or /etc/oke/oke-apiserver.")
        .meta({ examples: ["https://10.0.0.6:6443"] }),
      endpoint: registryEndpoint
        .optional()
        .describe("Base URL of the exchange. Default: port 12250 of the API server's host.")
        .meta({ examples: ["https://10.0.0.6:12250"] }),
      caFile: absolutePath
        .optional()
        .describe(
          "PEM file with the cluster's certificate authority, the only one trusted for it. Default: the kubeconfig's, or /etc/kubernetes/ca.crt.",
        )
        .meta({ examples: ["/etc/kubernetes/ca.crt"] }),
      kubeconfig: absolutePath
        .default("/etc/kubernetes/kubelet.conf")
        .describe("The kubelet's kubeconfig. Only its cluster is read, and only if the daemon's user may."),
    }).prefault({}),
    registries: section({
      prefetch: z
        .array(registryHost, "must be a list of registry hosts")
        .optional()
        .describe("Registry hosts whose token is fetched at start and always renewed. Default: the home region's.")
        .meta({ examples: [["icn.ocir.io", "ocir.ap-seoul-1.oci.oraclecloud.com"]] }),
      extraHosts: z
        .array(registryHost, "must be a list of registry hosts")
        .default([])
        .describe(
          "Registry hosts that get tokens in addition to Oracle's own names, with their port if they have one.",
        ),
      endpoints: z
        .record(registryHost, registryEndpoint, "must map registry hosts to URLs")
        .default({})
        .describe("Registry host to base URL, if the registry is reached at another address than its name."),
    }).prefault({}),
    metadata: section({
      baseUrl: endpoint
        .optional()
        .describe("Base URL of the metadata service, instead of 169.254.169.254's. Environment: OCI_METADATA_BASE_URL.")
        .meta({ examples: ["http://169.254.169.254/opc/v2"] }),
    }).prefault({}),
    auth: section({
      endpoint: endpoint
        .optional()
        .describe("Base URL of the auth service, instead of the region's. Environment: OCI_SDK_AUTH_CLIENT_REGION_URL.")
        .meta({ examples: ["https://auth.ap-seoul-1.oraclecloud.com"] }),
    }).prefault({}),
    proxy: section({
      https: proxy
        .optional()
        .describe(
          "Proxy to the auth service and the registries, never to the metadata service. Environment: HTTPS_PROXY. If the file contains its password: chgrp ocir-broker-daemon, chmod 0640.",
        )
        .meta({ examples: ["http://proxy.example:3128"] }),
      noProxy: z
        .string("must be a comma-separated list of hosts")
        .optional()
        .describe("Hosts that are reached without the proxy, separated by commas. Environment: NO_PROXY.")
        .meta({ examples: [".oraclecloud.com,.ocir.io"] }),
    }).prefault({}),
    upstream: section({
      connectTimeout: duration("100ms", "30s").default("3s").describe("Time limit for connecting to a service."),
      timeout: duration("500ms", "60s")
        .default("8s")
        .describe("Time limit of one exchange with a service, including the connection."),
      caFile: absolutePath
        .optional()
        .describe(
          "PEM file with the only certificate authorities that are trusted for services and a proxy; readable by everyone, read at start. Default: Mozilla's list and the system's.",
        )
        .meta({ examples: ["/etc/pki/ca-trust/source/anchors/region.pem"] }),
    }).prefault({}),
    metrics: section({
      textfile: z
        .string("must be a path")
        .regex(/^\/[^\0]{1,4000}\.prom$/, 'must be an absolute path that ends with ".prom"')
        .default("/run/ocir-broker-metrics/ocir_broker.prom")
        .describe("Metrics file for node-exporter's textfile collector, written every 15 s; its directory must exist."),
    }).prefault({}),
    log: section({
      level: z
        .enum(["error", "warn", "info", "debug", "trace"], "must be error, warn, info, debug or trace")
        .default("info")
        .describe(
          "How much is logged: error, warn, info, debug or trace. Every request is one line at info. Secrets appear at no level.",
        ),
    }).prefault({}),
  },
  "must be a mapping of sections",
);

/** The keys of each section. */
export function configKeys(): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(configSchema.shape).map(([name, keys]) => [name, Object.keys(keys.unwrap().shape)]),
  );
}

/** The effective configuration: checked, with defaults. Durations remain text; `durationMs` parses them. */
export type Config = z.output<typeof configSchema>;

/** The environment variables that count: names of the OCI SDKs, and the usual ones for proxies. */
export const environmentSchema = z.object({
  OCI_METADATA_BASE_URL: endpoint.optional(),
  OCI_SDK_AUTH_CLIENT_REGION_URL: endpoint.optional(),
  HTTPS_PROXY: proxy.optional(),
  https_proxy: proxy.optional(),
  NO_PROXY: z.string().optional(),
  no_proxy: z.string().optional(),
});

/** JSON Schema of the file (`ocir-broker config schema`). */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: "input" });
}
