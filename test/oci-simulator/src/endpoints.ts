/** The closed list of the simulator's endpoints, for faults and request counts. */

const ENDPOINT_NAMES = [
  "metadata.regionInfo",
  "metadata.region",
  "metadata.cert",
  "metadata.key",
  "metadata.intermediate",
  "metadata.other",
  "auth.x509",
  "auth.refresh",
  "auth.other",
  "cluster.tokenExchange",
  "cluster.keys",
  "cluster.other",
  "domain.token",
  "domain.other",
  "github.token",
  "github.other",
  "registry.token",
  "registry.anonymousToken",
  "registry.basicToken",
  "registry.v2",
  "registry.manifest",
  "registry.blob",
  "registry.other",
] as const;

export type EndpointName = (typeof ENDPOINT_NAMES)[number];

const SERVICES = ["metadata.*", "auth.*", "cluster.*", "domain.*", "github.*", "registry.*"] as const;
/** An endpoint, all endpoints of a service, or all. */
export const ENDPOINT_PATTERNS = [...ENDPOINT_NAMES, ...SERVICES, "*"] as const;

export function zeroCounts() {
  return Object.fromEntries(ENDPOINT_NAMES.map((name) => [name, 0])) as Record<EndpointName, number>;
}

export function matchesEndpoint(pattern: string, name: EndpointName): boolean {
  return pattern === "*" || pattern === name || pattern === name.replace(/\..*/, ".*");
}
