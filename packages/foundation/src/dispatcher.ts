/**
 * Connection pools for upstreams, which createSendRequest uses.
 *
 * Owns the rules for connections: trust, proxy, time to connect, their number, keep-alive, one request at a time, HTTP/1.1. Never
 * follows redirects. Never reads the process's environment: proxies are options.
 */
import { createSecureContext } from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici";

export interface ConnectionLimits {
  /** Time limit for TCP, for the TLS handshake and for a proxy's CONNECT, each. */
  readonly connectMs: number;
  /** From the end of the request to the response's headers. */
  readonly headersMs: number;
  /** Between two pieces of a body. */
  readonly bodyMs: number;
  readonly maxConnectionsPerOrigin: number;
}

interface ProxySettings {
  /** For https targets, in the form of `HTTPS_PROXY`: `http://user:password@proxy.example:3128`; the scheme is optional. */
  readonly https?: string | undefined;
  /** In the form of `NO_PROXY`: hosts and domains with an optional port, separated by commas; `*` disables the proxy. */
  readonly noProxy?: string | undefined;
}

export interface UpstreamDispatcherOptions extends ConnectionLimits {
  /** PEM, one certificate each: the only trusted roots, for upstreams and for a proxy with TLS. */
  readonly caCertificates: readonly string[];
  readonly proxy?: ProxySettings | undefined;
}

/** A proxy cannot reach this machine's own services; Go and curl have the same rule. */
const NEVER_PROXIED = "localhost,127.0.0.1,::1";

/**
 * For the cloud's services. https uses the proxy's CONNECT if there is a proxy. Plain http never does, because it is only used for
 * loopback and link-local addresses, which no proxy can reach.
 *
 * @throws {TypeError} for a proxy that is not an http or https URL, without the text, which may contain a password
 */
export function createUpstreamDispatcher(options: UpstreamDispatcherOptions): Dispatcher {
  // With `ca` instead, Node would parse all roots again for each connection.
  const secureContext = createSecureContext({
    ca: [...options.caCertificates],
    allowPartialTrustChain: true,
  });
  // Explicit, because otherwise NODE_TLS_REJECT_UNAUTHORIZED in the environment would decide.
  const verified = { secureContext, rejectUnauthorized: true };
  const { proxy = {} } = options;
  const proxyUrl = proxy.https ? parseProxyUrl(proxy.https) : undefined;
  if (proxy.https && proxyUrl === undefined) throw new TypeError("the proxy is not an http or https URL");
  return new EnvHttpProxyAgent({
    ...poolOptions(options),
    connect: { ...verified, timeout: options.connectMs, allowH2: false },
    connectTimeout: options.connectMs,
    requestTls: { ...verified, allowH2: false },
    proxyTls: { ...verified, allowH2: false },
    clientFactory: (origin: URL, client: Pool.Options) =>
      createProxyPool(origin, { ...client, headersTimeout: options.connectMs }),
    // An empty text, because with undefined undici reads the environment.
    httpProxy: "",
    httpsProxy: proxyUrl?.href ?? "",
    noProxy: `${proxy.noProxy ?? ""},${NEVER_PROXIED}`,
  });
}

/** The proxy's host and port, if this error of a request means that the proxy did not answer the CONNECT. */
export function proxyHostOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { proxyHost } = error as MarkedError;
  return proxyHost ?? proxyHostOf(error.cause);
}

interface MarkedError extends Error {
  proxyHost?: string;
}

/** Marks the proxy's own failures, which otherwise look like those of the service behind it. */
function createProxyPool(origin: URL, options: Pool.Options): Pool {
  const pool = new Pool(origin, options);
  const connect: (request: Dispatcher.ConnectOptions) => Promise<Dispatcher.ConnectData> = pool.connect.bind(pool);
  return Object.assign(pool, {
    connect: async (request: Dispatcher.ConnectOptions) => {
      try {
        return await connect(request);
      } catch (error) {
        throw Object.assign(error as MarkedError, { proxyHost: origin.host });
      }
    },
  });
}

/** For the metadata service: never through a proxy, which would see the node's keys. */
export function createDirectDispatcher(limits: ConnectionLimits): Dispatcher {
  return new Agent({ ...poolOptions(limits), connect: { timeout: limits.connectMs, allowH2: false } });
}

function poolOptions(limits: ConnectionLimits): Pool.Options {
  return {
    connections: limits.maxConnectionsPerOrigin,
    pipelining: 1,
    allowH2: false,
    headersTimeout: limits.headersMs,
    bodyTimeout: limits.bodyMs,
  };
}

/** Undefined if the text is not an http or https URL; the scheme is optional. */
export function parseProxyUrl(text: string): URL | undefined {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url : undefined;
}
