/** Seeded faults of Oracle's services and of the network to them. */
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { DoctorOptions } from "../src/settings.ts";
import { answerScript, type BrokenNode, credentials } from "./broken-node.ts";
import type { SeededFault } from "./seeded-fault.ts";

const withSettings = (node: BrokenNode, changed: Partial<BrokenNode["settings"]>): Partial<DoctorOptions> => ({
  settings: { ...node.settings, ...changed },
});

export const CLOUD_FAULTS: readonly SeededFault[] = [
  {
    fault: "nothing listens at the metadata service's address",
    breaks: (node) => withSettings(node, { metadataBaseUrls: [new URL("http://127.0.0.1:1/opc/v2")] }),
    named: "metadata-unreachable",
  },
  {
    fault: "the metadata service throttles",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.*", status: 429, times: 1 }),
    named: "metadata-throttled",
  },
  {
    fault: "the metadata service has a fault",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.regionInfo", status: 503, times: 1 }),
    named: "metadata-unavailable",
  },
  {
    fault: "a web page stands in the metadata service's place",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.regionInfo", html: true, times: 1 }),
    named: "metadata-invalid",
  },
  {
    fault: "a proxy in the way adds Forwarded headers",
    breaks: async (node) =>
      withSettings(node, {
        metadataBaseUrls: [
          await proxyTo(node.simulator.metadataUrl, (headers) => ({ ...headers, "x-forwarded-for": "10.0.0.2" })),
        ],
      }),
    named: "metadata-proxied",
  },
  {
    fault: "there is only version 1 of the metadata service",
    breaks: async (node) => withSettings(node, { metadataBaseUrls: [await serverOf(404)] }),
    named: "metadata-v2-missing",
  },
  {
    fault: "the region is one that nobody knows",
    breaks: async (node) => withSettings(node, { metadataBaseUrls: [await metadataOfRegion("mars-olympus-1")] }),
    named: "region-unknown",
  },
  {
    fault: "the instance has no certificate yet",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.cert", status: 404 }),
    named: "identity-not-ready",
  },
  {
    fault: "the certificate has ended",
    breaks: ({ clock }) => clock.moveWall(13 * 3_600_000),
    named: "certificate-expired",
  },
  {
    fault: "certificate and key do not belong together",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.key", mismatch: true }),
    named: "certificate-mismatch",
  },
  {
    fault: "the intermediate is another one's",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.intermediate", mismatch: true }),
    named: "certificate-chain",
    also: ["federation-unauthorized"],
  },
  {
    fault: "this node's clock is ten minutes ahead",
    breaks: (node) => ({ clock: { ...node.clock, wallMs: () => node.clock.wallMs() + 600_000 } }),
    named: "clock-skew",
  },
  {
    fault: "this node's clock is two minutes behind",
    breaks: (node) => ({ clock: { ...node.clock, wallMs: () => node.clock.wallMs() - 120_000 } }),
    named: "clock-drift",
  },
  {
    fault: "the auth service refuses the instance",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 400 }),
    named: "federation-refused",
  },
  {
    fault: "the auth service does not accept the certificate",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 401 }),
    named: "federation-unauthorized",
  },
  {
    fault: "the auth service throttles",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 429 }),
    named: "federation-throttled",
  },
  {
    fault: "the auth service answers something else",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", wrongShape: true }),
    named: "federation-invalid",
  },
  {
    fault: "the auth service's name does not resolve",
    breaks: (node) => withSettings(node, { authUrl: new URL("https://auth.invalid") }),
    named: "dns-failed",
    also: ["federation-unreachable"],
  },
  {
    fault: "the auth service's port is closed",
    breaks: (node) => withSettings(node, { authUrl: new URL("http://127.0.0.1:1") }),
    named: "tcp-refused",
    also: ["federation-unreachable"],
  },
  {
    fault: "packets to the registry are dropped",
    breaks: () => ({ network: { resolve: async () => ["192.0.2.1"], connect: async () => "timeout" } }),
    named: "tcp-timeout",
  },
  {
    fault: "the node has no route",
    breaks: () => ({ network: { resolve: async () => ["192.0.2.1"], connect: async () => "ENETUNREACH" } }),
    named: "network-unreachable",
  },
  {
    fault: "the registry's name resolves, and its port is closed",
    breaks: (node) => withSettings(node, { endpoints: { "iad.ocir.io": "http://127.0.0.1:1" } }),
    named: "registry-unreachable",
    also: ["tcp-refused"],
  },
  {
    fault: "a proxy strips the Authorization header",
    breaks: async (node) => {
      const stripped = await proxyTo(node.simulator.registryUrl, ({ authorization: _, ...headers }) => headers);
      return withSettings(node, { endpoints: { "iad.ocir.io": stripped.origin } });
    },
    named: "token-anonymous",
  },
  {
    fault: "the registry throttles",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "registry.token", status: 429 }),
    named: "registry-throttled",
  },
  {
    fault: "the registry does not let the instance in",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "registry.token", status: 404 }),
    named: "registry-forbidden",
  },
  {
    fault: "the registry breaks the connection",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "registry.token", reset: "before-headers" }),
    named: "connection-broken",
  },
  {
    fault: "there is no policy",
    breaks: ({ simulator }) => simulator.iam({ granted: false }),
    named: "policy-missing",
  },
  {
    fault: "the dynamic group came after the broker's token was made",
    breaks: async (node) => {
      node.simulator.iam({ dynamicGroup: false });
      node.plugin(answerScript(credentials(await node.token())));
      node.simulator.iam({ dynamicGroup: true });
    },
    named: "token-outdated",
  },
  {
    fault: "there is no such image",
    breaks: ({ simulator }) => simulator.iam({ repository: "acme/shop/web", exists: false }),
    named: "image-missing",
  },
  {
    fault: "the image's name cannot be read",
    breaks: () => ({ image: "iad.ocir.io/acme/Shop Web" }),
    named: "image-invalid",
  },
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
