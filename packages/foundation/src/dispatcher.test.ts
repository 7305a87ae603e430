import "reflect-metadata";
import { KeyObject, webcrypto } from "node:crypto";
import { createServer as createPlainServer, type RequestListener } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import net from "node:net";
import { pipeline } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import * as x509 from "@peculiar/x509";
import type { Dispatcher } from "undici";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { listen } from "../test/listening-server.ts";
import {
  type ConnectionLimits,
  createDirectDispatcher,
  createUpstreamDispatcher,
  type UpstreamDispatcherOptions,
} from "./dispatcher.ts";
import { createSystemClock } from "./time/clock.ts";
import { createSendRequest, type UpstreamResponse } from "./upstream.ts";

const LIMITS: ConnectionLimits = { connectMs: 5_000, headersMs: 5_000, bodyMs: 5_000, maxConnectionsPerOrigin: 4 };

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const AUTHORITY = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
];
const SERVER_NAMES = ["registry.test", "proxy.test", "localhost", "127.0.0.1", "127.0.0.2"].map((value) => ({
  type: net.isIP(value) === 0 ? ("dns" as const) : ("ip" as const),
  value,
}));

const root = await issue("private root", AUTHORITY);
const intermediate = await issue("private intermediate", AUTHORITY, root);
const leaf = await issue("registry.test", [new x509.SubjectAlternativeNameExtension(SERVER_NAMES)], intermediate);
/** The server's certificate, with the intermediate behind it. */
const CREDENTIALS = {
  key: String(KeyObject.from(leaf.keys.privateKey).export({ type: "pkcs8", format: "pem" })),
  cert: leaf.pem + intermediate.pem,
};

/** A certificate, self-signed unless there is an issuer, with its keys. */
async function issue(
  name: string,
  extensions: x509.Extension[],
  issuer?: { name: string; keys: webcrypto.CryptoKeyPair },
) {
  const keys = await webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: `CN=${issuer?.name ?? name}`,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: P256,
    extensions,
  });
  return { name, keys, pem: `${certificate.toString("pem")}\n` };
}

function tlsServer(listener: RequestListener): net.Server {
  return createTlsServer(CREDENTIALS, listener);
}

/** Says which name the client asked for and over which HTTP. */
const answer: RequestListener = (request, response) => {
  response.end(`${(request.socket as TLSSocket).servername || "-"} ${request.httpVersion}`);
};

/** A proxy that knows CONNECT only, and whose idea of every host is the same port on this machine. */
async function startProxy(port: number, kind: "http" | "https" = "http", status = 200) {
  const seen: { target: string | undefined; authorization: string | undefined }[] = [];
  const refuse: RequestListener = (_request, response) => void response.writeHead(405).end();
  const server = kind === "http" ? createPlainServer(refuse) : tlsServer(refuse);
  server.on("connect", (request, client) => {
    seen.push({ target: request.url, authorization: request.headers["proxy-authorization"] });
    client.on("error", () => {});
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const upstream = net.connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      pipeline(client, upstream, client, () => {});
    });
    upstream.on("error", () => client.destroy());
  });
  return { seen, port: (await listen(server)).port };
}

/** Of a server that does nothing but this with a connection. */
async function silentAddress(onConnection: (socket: net.Socket) => void): Promise<string> {
  const { port } = await listen(net.createServer((socket) => onConnection(socket.on("error", () => {}))));
  return `127.0.0.1:${port}`;
}

function destroyedAfterTest(dispatcher: Dispatcher): Dispatcher {
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

function upstream(options: Partial<UpstreamDispatcherOptions> = {}): Dispatcher {
  return destroyedAfterTest(createUpstreamDispatcher({ ...LIMITS, caCertificates: [root.pem], ...options }));
}

function direct(limits: Partial<ConnectionLimits> = {}): Dispatcher {
  return destroyedAfterTest(createDirectDispatcher({ ...LIMITS, ...limits }));
}

function get(dispatcher: Dispatcher, url: string): Promise<UpstreamResponse> {
  const send = createSendRequest({ dispatcher, clock: createSystemClock(), totalMs: 20_000 });
  return send({ method: "GET", url: new URL(url), headers: {}, signal: new AbortController().signal });
}

/** A connection takes its next request in the turn after it has finished the one before. */
async function getAndRest(dispatcher: Dispatcher, url: string): Promise<void> {
  await get(dispatcher, url);
  await setImmediate();
}

async function text(dispatcher: Dispatcher, url: string): Promise<string> {
  return (await get(dispatcher, url)).body.toString();
}

function stubProxyEnvironment(port: number): void {
  for (const name of ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"]) {
    vi.stubEnv(name, `http://127.0.0.1:${port}`);
  }
  onTestFinished(() => void vi.unstubAllEnvs());
}

describe("createUpstreamDispatcher trust", () => {
  test.each([
    ["a private CA's chain", root],
    ["an intermediate in the store as the end of the chain, as curl and Go do", intermediate],
  ])("accepts %s", async (_what, trusted) => {
    const { port } = await listen(tlsServer(answer));
    const dispatcher = upstream({ caCertificates: [trusted.pem] });
    expect(await text(dispatcher, `https://localhost:${port}/`)).toBe("localhost 1.1");
  });

  test("refuses a chain without a trusted root, whatever NODE_TLS_REJECT_UNAUTHORIZED says", async () => {
    const { port } = await listen(tlsServer(answer));
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    onTestFinished(() => void vi.unstubAllEnvs());
    const distrustful = upstream({ caCertificates: [] });
    await expect(get(distrustful, `https://localhost:${port}/`)).rejects.toMatchObject({ code: "tls" });
  });

  test("refuses a certificate for another name", async () => {
    const { port } = await listen(tlsServer(answer), "127.0.0.3");
    await expect(get(upstream(), `https://127.0.0.3:${port}/`)).rejects.toMatchObject({ code: "tls" });
  });
});

describe("createUpstreamDispatcher proxy", () => {
  test.each(["http", "https"] as const)("reaches an https target through an %s proxy, both checked", async (kind) => {
    const target = await listen(tlsServer(answer));
    const proxy = await startProxy(target.port, kind);
    const https = `${kind}://us%65r:p%40ss@localhost:${proxy.port}`;
    const dispatcher = upstream({ proxy: { https } });
    await getAndRest(dispatcher, "https://registry.test/");
    expect(await text(dispatcher, "https://registry.test/")).toBe("registry.test 1.1");
    const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
    expect(proxy.seen).toEqual([{ target: "registry.test:443", authorization }]);

    await expect(get(dispatcher, "https://other.test/")).rejects.toMatchObject({ code: "tls" });
    const distrustful = upstream({ proxy: { https }, caCertificates: [] });
    await expect(get(distrustful, "https://registry.test/")).rejects.toMatchObject({ code: "tls" });
    expect(proxy.seen).toHaveLength(kind === "http" ? 3 : 2);
  });

  test("bypasses the proxy for noProxy, loopback and plain http", async () => {
    const secure = await listen(tlsServer(answer), "127.0.0.2");
    const loopback = await listen(tlsServer(answer));
    const plain = await listen(createPlainServer(answer), "127.0.0.2");
    const proxy = await startProxy(secure.port);
    const https = `http://127.0.0.1:${proxy.port}`;
    const dispatcher = upstream({ proxy: { https, noProxy: "example.com, 127.0.0.2" } });
    await text(dispatcher, `https://127.0.0.2:${secure.port}/`);
    await text(dispatcher, `https://127.0.0.1:${loopback.port}/`);
    await text(dispatcher, `https://localhost:${loopback.port}/`);
    await text(upstream({ proxy: { https } }), `http://127.0.0.2:${plain.port}/`);
    expect(proxy.seen).toEqual([]);
    await expect(get(upstream({ proxy: { https } }), `https://127.0.0.2:${secure.port}/`)).rejects.toThrow();
    expect(proxy.seen).toMatchObject([{ target: `127.0.0.2:${secure.port}` }]);
  });

  test("ignores the environment, and accepts a proxy without a scheme", async () => {
    const target = await listen(tlsServer(answer), "127.0.0.2");
    const proxy = await startProxy(target.port);
    stubProxyEnvironment(proxy.port);
    vi.stubEnv("NO_PROXY", "registry.test");
    expect(await text(upstream(), `https://127.0.0.2:${target.port}/`)).toBe("- 1.1");
    expect(proxy.seen).toEqual([]);
    const dispatcher = upstream({ proxy: { https: `127.0.0.1:${proxy.port}` } });
    await expect(get(dispatcher, "https://registry.test/")).rejects.toThrow();
    expect(proxy.seen).toMatchObject([{ target: "registry.test:443" }]);
  });

  test.each([403, 407, 502])("reports proxy-refused if the proxy answers %i", async (status) => {
    const proxy = await startProxy(1, "http", status);
    const dispatcher = upstream({ proxy: { https: `http://127.0.0.1:${proxy.port}` } });
    await expect(get(dispatcher, "https://registry.test/")).rejects.toMatchObject({ code: "proxy-refused" });
  });

  test.each<[proxy: string, place: () => Promise<string> | string]>([
    ["has a name that nobody knows", () => "proxy.invalid:3128"],
    ["refuses connections", () => "127.0.0.1:1"],
    ["never answers", async () => silentAddress((socket) => socket)],
    ["closes the connection", async () => silentAddress((socket) => socket.destroy())],
  ])("reports proxy-unreachable with the proxy's host if the proxy %s", async (_what, placeOf) => {
    const place = await placeOf();
    const dispatcher = upstream({ connectMs: 100, proxy: { https: `http://us:canary@${place}` } });
    await expect(get(dispatcher, "https://registry.test/")).rejects.toMatchObject({
      code: "proxy-unreachable",
      message: `${place}: proxy-unreachable`,
    });
  });

  test.each(["ftp://canary:canary@proxy.test", "http://", "http://canary:canary@a b", "socks5://canary@x"])(
    "refuses the proxy %s without repeating it",
    (https) => {
      expect(() => createUpstreamDispatcher({ ...LIMITS, caCertificates: [], proxy: { https } })).toThrow(
        new TypeError("the proxy is not an http or https URL"),
      );
    },
  );
});

describe.each([
  ["createUpstreamDispatcher", upstream],
  ["createDirectDispatcher", direct],
])("%s connections", (_name, create: (limits?: Partial<ConnectionLimits>) => Dispatcher) => {
  test("keeps a connection alive, and sends one request at a time on it", async () => {
    const server = createPlainServer((request, response) => {
      if (request.url === "/slow") void setImmediate().then(() => response.end());
      else response.end();
    });
    let connections = 0;
    const { port } = await listen(server.on("connection", () => connections++));
    const dispatcher = create({ maxConnectionsPerOrigin: 2 });
    await getAndRest(dispatcher, `http://127.0.0.1:${port}/`);
    await getAndRest(dispatcher, `http://127.0.0.1:${port}/`);
    expect(connections).toBe(1);
    await Promise.all(Array.from({ length: 5 }, () => get(dispatcher, `http://127.0.0.1:${port}/slow`)));
    expect(connections).toBe(2);
  });

  test("follows no redirect", async () => {
    let requests = 0;
    const redirecting = createPlainServer((_request, response) => {
      requests++;
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    const { port } = await listen(redirecting);
    expect(await get(create(), `http://127.0.0.1:${port}/`)).toMatchObject({ status: 302 });
    expect(requests).toBe(1);
  });

  test("limits the time for the TLS handshake, the headers and the body", async () => {
    const silent = await listen(net.createServer((socket) => void socket.on("error", () => {})));
    const headless = await listen(createPlainServer(() => {}));
    const cut = await listen(createPlainServer((_request, response) => void response.write("half")));
    const dispatcher = create({ connectMs: 100, headersMs: 100, bodyMs: 100 });
    await Promise.all(
      [`https://127.0.0.1:${silent.port}/`, `http://127.0.0.1:${headless.port}/`, `http://127.0.0.1:${cut.port}/`].map(
        (url) => expect(get(dispatcher, url)).rejects.toMatchObject({ code: "timeout" }),
      ),
    );
  });
});

test("createUpstreamDispatcher uses HTTP/1.1 even if the server prefers HTTP/2", async () => {
  const secure = createSecureServer({ ...CREDENTIALS, allowHTTP1: true }, (request, response) => {
    response.end(request.httpVersion);
  });
  const { port } = await listen(secure as unknown as net.Server);
  expect(await text(upstream(), `https://localhost:${port}/`)).toBe("1.1");
});

test("createDirectDispatcher uses no proxy, whatever the environment says", async () => {
  const { port } = await listen(createPlainServer(answer));
  const proxy = await startProxy(port);
  stubProxyEnvironment(proxy.port);
  expect(await text(direct(), `http://127.0.0.1:${port}/`)).toBe("- 1.1");
  expect(proxy.seen).toEqual([]);
});
