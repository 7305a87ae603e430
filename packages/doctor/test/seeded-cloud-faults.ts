/** Seeded faults of Oracle's services and of the network to them. */
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import type { Fault } from "@ocir-broker/oci-simulator/http/faults";
import { credentials, hostOf, responseScript, withConfig } from "./broken-node.ts";
import type { Break, SeededFault } from "./seeded-fault.ts";

const NOWHERE = "http://127.0.0.1:1";
const MINUTE_MS = 60_000;

const upstream =
  (endpoint: Fault["endpoint"], fault: Omit<Fault, "endpoint">): Break =>
  ({ simulator }) =>
    simulator.faults({ endpoint, ...fault });

const configured =
  (sections: object): Break =>
  (node) =>
    withConfig(node, sections);

const withClockAhead =
  (ms: number): Break =>
  ({ clock }) => ({ clock: { ...clock, wallMs: () => clock.wallMs() + ms } });

/** Of the first request for the region. */
const metadata = (fault: Omit<Fault, "endpoint">): Break => upstream("metadata.regionInfo", { times: 1, ...fault });

/** Only the auth service is behind it. */
const behindProxy =
  (hostOfProxy: () => Promise<string> | string): Break =>
  async (node) =>
    withConfig(node, { proxy: { https: await hostOfProxy() }, auth: { endpoint: "https://auth.test" } });

const refuse = (_request: unknown, client: Duplex): unknown =>
  client.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");

const end = (_request: unknown, client: Duplex): unknown => client.destroy();

const inRegionThatIsNot =
  (settings: () => Promise<object> | object = () => ({})): Break =>
  async (node) => ({
    image: "foo.ocir.io/acme/shop/web",
    ...withConfig(node, { registries: { endpoints: { "foo.ocir.io": "https://foo.invalid" } }, ...(await settings()) }),
  });

export const CLOUD_FAULTS: readonly SeededFault[] = [
  [
    "metadata-unreachable",
    "nothing listens at the metadata service's address",
    configured({ metadata: { baseUrl: `${NOWHERE}/opc/v2` } }),
  ],
  ["metadata-throttled", "the metadata service throttles", metadata({ status: 429 })],
  ["metadata-unavailable", "the metadata service has a fault", metadata({ status: 503 })],
  ["metadata-invalid", "a web page stands in the metadata service's place", metadata({ html: true })],
  ["metadata-not-found", "there is only version 1 of the metadata service", upstream("metadata.*", { status: 404 })],
  [
    "region-unknown",
    "the region is one that nobody knows",
    async (node) => withConfig(node, { metadata: { baseUrl: await metadataOfRegion("mars-olympus-1") } }),
  ],
  ["identity-not-ready", "the instance has no certificate yet", upstream("metadata.cert", { status: 404 })],
  ["certificate-expired", "the certificate has ended", ({ clock }) => clock.moveWall(13 * 60 * MINUTE_MS)],
  ["certificate-chain", "the intermediate is another one's", upstream("metadata.intermediate", { mismatch: true })],
  ["clock-skew", "this node's clock is ten minutes ahead", withClockAhead(10 * MINUTE_MS)],
  ["clock-drift", "this node's clock is two minutes behind", withClockAhead(-2 * MINUTE_MS)],
  ["federation-unauthorized", "the auth service refuses the certificate", upstream("auth.x509", { status: 401 })],
  [
    "dns-failed",
    "the auth service's name does not resolve",
    configured({ auth: { endpoint: "https://auth.invalid" } }),
  ],
  ["tcp-refused", "the auth service's port is closed", configured({ auth: { endpoint: NOWHERE } })],
  ["proxy-unreachable", "the proxy's name does not resolve", behindProxy(() => "proxy.invalid:3128")],
  ["proxy-unreachable", "the proxy's port is closed", behindProxy(() => "127.0.0.1:1")],
  ["proxy-unreachable", "the proxy wants a password", behindProxy(() => hostOf(createServer().on("connect", refuse)))],
  ["proxy-unreachable", "the proxy ends each connection", behindProxy(() => hostOf(createServer().on("connect", end)))],
  [
    "tcp-refused",
    "the registry's name resolves, and its port is closed",
    configured({ registries: { endpoints: { "iad.ocir.io": NOWHERE } } }),
  ],
  ["image-region-unknown", "the registry host names a region that Oracle does not have", inRegionThatIsNot()],
  [
    "image-region-unknown",
    "a proxy cannot connect to a region that Oracle does not have",
    inRegionThatIsNot(async () => ({ proxy: { https: await hostOf(createServer().on("connect", refuse)) } })),
  ],
  [
    "image-realm",
    "the image is in another realm",
    () => ({ image: "ocir.us-langley-1.oci.oraclegovcloud.com/acme/shop/web" }),
  ],
  ["image-look-alike", "the registry host is mistyped", () => ({ image: "us-ashburn-1.ocir.oi/acme/shop/web" })],
  ["registry-throttled", "the registry throttles", upstream("registry.token", { status: 429 })],
  ["policy-missing", "there is no policy", ({ simulator }) => simulator.iam({ granted: false })],
  [
    "token-outdated",
    "the dynamic group came after the broker's token was made",
    async (node) => {
      node.simulator.iam({ dynamicGroup: false });
      node.plugin(responseScript(credentials(await node.token())));
      node.simulator.iam({ dynamicGroup: true });
    },
  ],
  [
    "image-missing",
    "there is no such image",
    ({ simulator }) => simulator.iam({ repository: "acme/shop/web", exists: false }),
  ],
  [
    "namespace-unknown",
    "no tenancy has the image's namespace",
    ({ simulator }) => simulator.iam({ repository: "acme", exists: false }),
  ],
  ["image-invalid", "the image's name cannot be read", () => ({ image: "iad.ocir.io/acme/Shop Web" })],
];

/** An old metadata service, without regionInfo. */
async function metadataOfRegion(region: string): Promise<string> {
  const server = createServer(({ url }, response) => {
    if (url?.endsWith("/instance/region")) response.end(region);
    else response.writeHead(404).end();
  });
  return `http://${await hostOf(server)}/opc/v2`;
}
