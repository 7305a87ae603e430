/** Seeded faults of Oracle's services and of the network to them. */
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { answerScript, credentials, withConfig } from "./broken-node.ts";
import type { SeededFault } from "./seeded-fault.ts";

export const CLOUD_FAULTS: readonly SeededFault[] = [
  [
    "metadata-unreachable",
    "nothing listens at the metadata service's address",
    (node) => withConfig(node, { metadata: { baseUrl: "http://127.0.0.1:1/opc/v2" } }),
  ],
  [
    "metadata-throttled",
    "the metadata service throttles",
    ({ simulator }) => simulator.faults({ endpoint: "metadata.*", status: 429, times: 1 }),
  ],
  [
    "metadata-unavailable",
    "the metadata service has a fault",
    ({ simulator }) => simulator.faults({ endpoint: "metadata.regionInfo", status: 503, times: 1 }),
  ],
  [
    "metadata-invalid",
    "a web page stands in the metadata service's place",
    ({ simulator }) => simulator.faults({ endpoint: "metadata.regionInfo", html: true, times: 1 }),
  ],
  [
    "metadata-refused",
    "a proxy in the way adds Forwarded headers",
    async (node) => {
      const forward = (headers: IncomingHttpHeaders) => ({ ...headers, "x-forwarded-for": "10.0.0.2" });
      const { href } = await proxyTo(node.simulator.metadataUrl, forward);
      return withConfig(node, { metadata: { baseUrl: href } });
    },
  ],
  [
    "metadata-not-found",
    "there is only version 1 of the metadata service",
    async (node) => withConfig(node, { metadata: { baseUrl: (await serverOf(404)).href } }),
  ],
  [
    "region-unknown",
    "the region is one that nobody knows",
    async (node) => withConfig(node, { metadata: { baseUrl: (await metadataOfRegion("mars-olympus-1")).href } }),
  ],
  [
    "identity-not-ready",
    "the instance has no certificate yet",
    ({ simulator }) => simulator.faults({ endpoint: "metadata.cert", status: 404 }),
  ],
  ["certificate-expired", "the certificate has ended", ({ clock }) => clock.moveWall(13 * 3_600_000)],
  [
    "certificate-mismatch",
    "certificate and key do not belong together",
    ({ simulator }) => simulator.faults({ endpoint: "metadata.key", mismatch: true }),
  ],
  [
    "certificate-chain",
    "the intermediate is another one's",
    ({ simulator }) => simulator.faults({ endpoint: "metadata.intermediate", mismatch: true }),
    ["federation-unauthorized"],
  ],
  [
    "clock-skew",
    "this node's clock is ten minutes ahead",
    (node) => ({ clock: { ...node.clock, wallMs: () => node.clock.wallMs() + 600_000 } }),
  ],
  [
    "clock-drift",
    "this node's clock is two minutes behind",
    (node) => ({ clock: { ...node.clock, wallMs: () => node.clock.wallMs() - 120_000 } }),
  ],
  [
    "federation-refused",
    "the auth service refuses the instance",
    ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 400 }),
  ],
  [
    "federation-unauthorized",
    "the auth service does not accept the certificate",
    ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 401 }),
  ],
  [
    "federation-throttled",
    "the auth service throttles",
    ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 429 }),
  ],
  [
    "federation-invalid",
    "the auth service answers something else",
    ({ simulator }) => simulator.faults({ endpoint: "auth.x509", wrongShape: true }),
  ],
  [
    "dns-failed",
    "the auth service's name does not resolve",
    (node) => withConfig(node, { auth: { endpoint: "https://auth.invalid" } }),
    ["federation-name-not-resolved"],
  ],
  [
    "tcp-refused",
    "the auth service's port is closed",
    (node) => withConfig(node, { auth: { endpoint: "http://127.0.0.1:1" } }),
    ["federation-unreachable"],
  ],
  [
    "tcp-timeout",
    "packets to the registry are dropped",
    () => ({ network: { resolve: async () => ["192.0.2.1"], connect: async () => "timeout" } }),
  ],
  [
    "network-unreachable",
    "the node has no route",
    () => ({ network: { resolve: async () => ["192.0.2.1"], connect: async () => "ENETUNREACH" } }),
  ],
  [
    "refused",
    "the registry's name resolves, and its port is closed",
    (node) => withConfig(node, { registries: { endpoints: { "iad.ocir.io": "http://127.0.0.1:1" } } }),
    ["tcp-refused"],
  ],
  [
    "token-anonymous",
    "a proxy strips the Authorization header",
    async (node) => {
      const stripped = await proxyTo(node.simulator.registryUrl, ({ authorization: _, ...headers }) => headers);
      return withConfig(node, { registries: { endpoints: { "iad.ocir.io": stripped.origin } } });
    },
  ],
  [
    "registry-throttled",
    "the registry throttles",
    ({ simulator }) => simulator.faults({ endpoint: "registry.token", status: 429 }),
  ],
  [
    "registry-forbidden",
    "the registry does not let the instance in",
    ({ simulator }) => simulator.faults({ endpoint: "registry.token", status: 404 }),
  ],
  [
    "connection-broken",
    "the registry breaks the connection",
    ({ simulator }) => simulator.faults({ endpoint: "registry.token", reset: "before-headers" }),
  ],
  ["policy-missing", "there is no policy", ({ simulator }) => simulator.iam({ granted: false })],
  [
    "token-outdated",
    "the dynamic group came after the broker's token was made",
    async (node) => {
      node.simulator.iam({ dynamicGroup: false });
      node.plugin(answerScript(credentials(await node.token())));
      node.simulator.iam({ dynamicGroup: true });
    },
  ],
  [
    "image-missing",
    "there is no such image",
    ({ simulator }) => simulator.iam({ repository: "acme/shop/web", exists: false }),
  ],
  ["image-invalid", "the image's name cannot be read", () => ({ image: "iad.ocir.io/acme/Shop Web" })],
];

async function serverOf(status: number): Promise<URL> {
  const server = createServer((_request, response) => response.writeHead(status).end());
  return new URL("/opc/v2", await origin(server));
}

/** An old metadata service, without regionInfo. */
async function metadataOfRegion(region: string): Promise<URL> {
  const server = createServer(({ url }, response) => {
    if (url?.endsWith("/instance/region")) response.end(region);
    else response.writeHead(404).end();
  });
  return new URL("/opc/v2", await origin(server));
}

/** A proxy in between that changes headers. */
async function proxyTo(target: URL, change: (headers: IncomingHttpHeaders) => IncomingHttpHeaders): Promise<URL> {
  const server = createServer((incoming, response) => {
    const { method, headers } = incoming;
    const url = new URL(incoming.url ?? "/", target);
    incoming.pipe(
      request(url, { method, headers: change(headers) }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  return new URL(target.pathname, await origin(server));
}

async function origin(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
