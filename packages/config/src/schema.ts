/**
 * The configuration's schema: every key with type, default, check and description; the larger sections are in …-section.ts. JSON
 * Schema, reference page and example are generated from it.
 */
import { isRegistryHost, regionNameIn } from "@ocir-broker/ocir/host-rules";
import { CREDENTIALS_SOCKET, HEALTH_GROUP, HEALTH_SOCKET, SHIM_CALL_MS } from "@ocir-broker/protocol/contract";
import * as z from "zod";
import { duration, durationMs } from "./duration.ts";
import { endpoint, metadataEndpoint, proxy, registryEndpoint, registryHost } from "./endpoint.ts";
import { identityDomainSection } from "./identity-domain-section.ts";
import { identitySection, profileSection } from "./identity-section.ts";
import { absolutePath, section } from "./section.ts";
import { serviceAccountsSection } from "./service-accounts-section.ts";

const socketPath = z
  .string("must be a path")
  // sun_path holds 108 bytes including the terminator; a longer path would be cut silently.
  .regex(/^\/[^\0]{1,106}$/, "must be an absolute path of at most 107 characters");

interface NamedHosts {
  readonly prefetch?: readonly string[] | undefined;
  readonly extraHosts: readonly string[];
  readonly endpoints: Readonly<Record<string, string>>;
}

/** A typing error must not send signed requests to a stranger, so only `extraHosts` makes another host trusted. */
function refuseUntrusted({ value: { prefetch = [], extraHosts, endpoints }, issues }: z.core.ParsePayload<NamedHosts>) {
  const named: [string, PropertyKey[]][] = [
    ...prefetch.map((host, at): [string, PropertyKey[]] => [host, ["prefetch", at]]),
    ...Object.keys(endpoints).map((host): [string, PropertyKey[]] => [host, ["endpoints", host]]),
  ];
  for (const [host, path] of named) {
    if (!isRegistryHost(host) || regionNameIn(host) !== undefined || extraHosts.includes(host)) continue;
    const message = `is not a registry of Oracle's; if you trust it, add the line "extraHosts: [${host}]" under "registries:"`;
    issues.push({ code: "custom", message, path, input: host });
  }
}

type TimeLimits = Readonly<Record<"connectTimeout" | "timeout", string>>;

const CONNECT_TIMEOUT = "3s";

/** The default one is no mistake if `timeout` is shorter, and is then cut to it. */
function refuseLongConnect({ value: { connectTimeout, timeout }, issues }: z.core.ParsePayload<TimeLimits>) {
  if (durationMs(connectTimeout) <= Math.max(durationMs(timeout), durationMs(CONNECT_TIMEOUT))) return;
  const message = `must not be longer than upstream.timeout, ${timeout}`;
  issues.push({ code: "custom", message, path: ["connectTimeout"], input: connectTimeout });
}

export const configSchema = z.strictObject(
  {
    sockets: section({
      credentials: socketPath
        .default(CREDENTIALS_SOCKET)
        .describe(
          "The socket for the shim, with mode 0600. The installed units ignore this section, because systemd makes the sockets.",
        ),
      health: socketPath
        .default(HEALTH_SOCKET)
        .describe(
          `The health socket, with mode 0660, for root and the group ${HEALTH_GROUP}, or without systemd the daemon's. It shows no secret.`,
        ),
    }).prefault({}),
    request: section({
      deadline: duration("1s", "19s")
        .default("15s")
        .describe(
          `How long one request may wait for Oracle's services. The shim gives up after ${SHIM_CALL_MS / 1_000} s.`,
        ),
    }).prefault({}),
    identity: identitySection,
    user: profileSection("identity.provider: user"),
    cliSession: profileSection("identity.provider: cli-session"),
    serviceAccounts: serviceAccountsSection,
    identityDomain: identityDomainSection,
    registries: section({
      prefetch: z
        .array(registryHost, "must be a list of registry hosts")
        .optional()
        .describe(
          "Registry hosts whose token is fetched at start and always renewed. Default: the host of the identity's region.",
        )
        .meta({ examples: [["icn.ocir.io", "ocir.ap-seoul-1.oci.oraclecloud.com"]] }),
      extraHosts: z
        .array(registryHost, "must be a list of registry hosts")
        .default([])
        .describe(
          "Registry hosts that get tokens in addition to Oracle's own names, with the port if there is one. Hosts of prefetch " +
            "and endpoints that are not Oracle's must be here too.",
        ),
      endpoints: z
        .record(registryHost, registryEndpoint, "must map registry hosts to URLs")
        .default({})
        .describe("Maps a registry host to its base URL, if that differs from its name."),
    })
      .check(refuseUntrusted)
      .prefault({}),
    metadata: section({
      baseUrl: metadataEndpoint
        .optional()
        .describe(
          "Base URL of the metadata service with its path, such as /opc/v2. Environment: OCI_METADATA_BASE_URL.",
        )
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
          "Proxy to the auth service, the identity domain and the registries, never to the metadata service. " +
            "Environment: HTTPS_PROXY. If the file contains its password: chmod 0600.",
        )
        .meta({ examples: ["http://proxy.example:3128"] }),
      noProxy: z
        .string("must be a comma-separated list of hosts")
        .optional()
        .describe("Hosts to contact without the proxy, separated by commas. Environment: NO_PROXY.")
        .meta({ examples: [".oraclecloud.com,.ocir.io"] }),
    }).prefault({}),
    upstream: section({
      connectTimeout: duration("100ms", "30s")
        .default(CONNECT_TIMEOUT)
        .describe("Time limit for connecting to a service, at most timeout."),
      timeout: duration("500ms", "60s")
        .default("8s")
        .describe("Time limit of one request to a service, including the connection."),
      caFile: absolutePath
        .optional()
        .describe(
          "PEM file with the only certificate authorities that are trusted for services and a proxy. Everyone must be able to " +
            "read it. Default: Mozilla's list and the system's.",
        )
        .meta({ examples: ["/etc/pki/ca-trust/source/anchors/region.pem"] }),
    })
      .check(refuseLongConnect)
      .prefault({}),
    metrics: section({
      textfile: z
        .string("must be a path")
        .regex(/^\/[^\0]{1,4000}\.prom$/, 'must be an absolute path that ends with ".prom"')
        .default("/run/ocir-broker-metrics/ocir_broker.prom")
        .describe(
          "Metrics file for node-exporter, written every 15 s. Another folder must exist, and be in ReadWritePaths= of a drop-in.",
        ),
    }).prefault({}),
    log: section({
      level: z
        .enum(["error", "warn", "info", "debug", "trace"], "must be error, warn, info, debug or trace")
        .default("info")
        .describe("The least severe level that is logged. At info, each request is one line."),
    }).prefault({}),
  },
  "must be a mapping of sections",
);

export function configKeys(): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(configSchema.shape).map(([name, keys]) => [name, Object.keys(keys.unwrap().shape)]),
  );
}

/** The effective configuration: checked, with defaults. Durations remain text; `durationMs` parses them. */
export type Config = z.output<typeof configSchema>;

/** The environment variables that count: names of the OCI SDKs, and the usual ones for proxies. */
export const environmentSchema = z.object({
  OCI_METADATA_BASE_URL: metadataEndpoint.optional(),
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
