/** Seeded faults of Oracle's services and of the network to them. */
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import { serveOnPort } from "@ocir-broker/node/test/socket-server";
import type { Fault } from "@ocir-broker/oci-simulator/http/faults";
import { type BrokenNode, moveWall, withConfig } from "./broken-node.ts";
import type { Break, SeededFault } from "./seeded-fault.ts";

const NOWHERE = "http://127.0.0.1:1";
const MINUTE_MS = 60_000;

const upstream =
  (endpoint: Fault["endpoint"], fault: Omit<Fault, "endpoint">): Break =>
  ({ simulator }) =>
    simulator.faults({ endpoint, ...fault });

const iam =
  (changed: Parameters<BrokenNode["simulator"]["iam"]>[0]): Break =>
  ({ simulator }) =>
    simulator.iam(changed);

const configured =
  (settings: () => Promise<object> | object): Break =>
  async (node) =>
    withConfig(node, await settings());

const withAuthAt = (endpoint: string): Break => configured(() => ({ auth: { endpoint } }));

const withMetadataAt = (origin: () => Promise<string> | string): Break =>
  configured(async () => ({ metadata: { baseUrl: `${await origin()}/opc/v2` } }));

const registriesAt = (host: string, endpoint: string) => ({ registries: { endpoints: { [host]: endpoint } } });

const withImage =
  (image: string): Break =>
  () => ({ image });

const withClockAhead =
  (ms: number): Break =>
  ({ clock }) => ({ clock: { ...clock, wallMs: () => clock.wallMs() + ms } });

const metadata = (fault: Omit<Fault, "endpoint">): Break => upstream("metadata.*", fault);

/** Only the auth service is behind it. */
const behindProxy = (hostOfProxy: () => Promise<string> | string): Break =>
  configured(async () => ({ proxy: { https: await hostOfProxy() }, auth: { endpoint: "https://auth.test" } }));

const refuse = (_request: unknown, client: Duplex): unknown =>
  client.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");

const end = (_request: unknown, client: Duplex): unknown => client.destroy();

const proxyThat = (answers: typeof refuse) => serveOnPort(createServer().on("connect", answers));

export const CLOUD_FAULTS: readonly SeededFault[] = [
  ["metadata-unreachable", "nothing listens at the metadata service's address", withMetadataAt(() => NOWHERE)],
  ["metadata-throttled", "the metadata service throttles", metadata({ status: 429 })],
  ["metadata-unavailable", "the metadata service has a fault", metadata({ status: 503 })],
  ["metadata-invalid", "a web page stands in the metadata service's place", metadata({ html: true })],
  ["metadata-not-found", "there is only version 1 of the metadata service", metadata({ status: 404 })],
  ["region-unknown", "the region is one that nobody knows", withMetadataAt(() => metadataOfRegion("mars-olympus-1"))],
  ["identity-not-ready", "the instance has no certificate yet", upstream("metadata.cert", { status: 404 })],
  ["certificate-expired", "the certificate has ended", () => moveWall(13 * 60 * MINUTE_MS)],
  ["clock-skew", "this node's clock is ten minutes ahead", withClockAhead(10 * MINUTE_MS)],
  ["federation-unauthorized", "the auth service refuses the certificate", upstream("auth.x509", { status: 401 })],
  ["federation-name-not-resolved", "the auth service's name does not resolve", withAuthAt("https://auth.invalid")],
  ["federation-unreachable", "the auth service's port is closed", withAuthAt(NOWHERE)],
  ["federation-proxy-unreachable", "the proxy's name does not resolve", behindProxy(() => "proxy.invalid:3128")],
  ["federation-proxy-unreachable", "the proxy's port is closed", behindProxy(() => "127.0.0.1:1")],
  ["federation-proxy-refused", "the proxy wants a password", behindProxy(() => proxyThat(refuse))],
  ["federation-proxy-unreachable", "the proxy ends each connection", behindProxy(() => proxyThat(end))],
  [
    "name-not-found",
    "the registry's name does not resolve",
    configured(() => registriesAt("iad.ocir.io", "https://no.invalid")),
  ],
  ["refused", "only the registry's port is closed", configured(() => registriesAt("iad.ocir.io", NOWHERE))],
  ["image-look-alike", "the registry's domain is mistyped", withImage("us-ashburn-1.ocir.oi/acme/shop/web")],
  ["image-look-alike", "the registry's name is mistyped", withImage("iad.ocri.io/acme/shop/web")],
  ["image-invalid", "the image's name cannot be read", withImage("iad.ocir.io/acme/Shop Web")],
  ["registry-throttled", "the registry throttles", upstream("registry.token", { status: 429 })],
  ["registry-unavailable", "the registry has a fault", upstream("registry.token", { status: 503 })],
  ["policy-missing", "there is no policy", iam({ granted: false })],
  ["policy-missing", "no dynamic group has this node", iam({ dynamicGroup: false })],
  ["image-missing", "there is no such image", iam({ repository: "acme/shop/web", exists: false })],
  ["namespace-unknown", "no tenancy has the image's namespace", iam({ repository: "acme", exists: false })],
];

/** An old metadata service, without regionInfo. */
async function metadataOfRegion(region: string): Promise<string> {
  const server = createServer(({ url }, response) => {
    if (url?.endsWith("/instance/region")) response.end(region);
    else response.writeHead(404).end();
  });
  return `http://${await serveOnPort(server)}`;
}
