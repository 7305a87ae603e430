/**
 * Connection pools for upstreams: the one way out through which createSendRequest goes.
 *
 * Owns what holds for a connection: trust, proxy, time to connect, how many, kept alive, one request at a time,
 * HTTP/1.1. Redirects are never followed. Never reads the process's environment: proxies come as options.
 */
import { createSecureContext } from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici";

export interface ConnectionLimits {
  /** To a connection that can be used, the TLS handshake and a proxy's part each counted apart; in milliseconds. */
  readonly connectMs: number;
  /** From the request sent to the answer's headers, in milliseconds. */
  readonly headersMs: number;
  /** Between two pieces of a body, in milliseconds. */
  readonly bodyMs: number;
  readonly maxConnectionsPerOrigin: number;
}

export interface ProxySettings {
  /** For https targets, as `HTTPS_PROXY` has it: `http://user:password@proxy.example:3128`; the scheme may be left out. */
  readonly https?: string | undefined;
  /** As `NO_PROXY` has it: hosts and domains with an optional port, separated by commas; `*` for none at all. */
  readonly noProxy?: string | undefined;
}

export interface UpstreamDispatcherOptions extends ConnectionLimits {
  /** PEM, one certificate each: the only roots trusted, for upstreams and for a proxy that speaks TLS. */
  readonly caCertificates: readonly string[];
  readonly proxy?: ProxySettings | undefined;
}

/** A proxy cannot reach this machine's own services; Go's and curl's users expect the same. */
const NEVER_PROXIED = "localhost,127.0.0.1,::1";

/**
 * For services of the cloud. https goes through the proxy's CONNECT where one is given; plain http never does: it
 * is used for nothing but loopback and link-local addresses, which no proxy can reach.
 *
 * @throws {TypeError} for a proxy that is no http or https URL; the text, which may hold a password, is not in it
 */
export function createUpstreamDispatcher(options: UpstreamDispatcherOptions): Dispatcher {
  // With `ca` in its place Node would parse all the roots again for every single connection.
  const secureContext = createSecureContext({ ca: [...options.caCertificates], allowPartialTrustChain: true });
  // Said aloud, since NODE_TLS_REJECT_UNAUTHORIZED in the environment would else decide.
  const verified = { secureContext, rejectUnauthorized: true };
  const { proxy = {} } = options;
  return new EnvHttpProxyAgent({
    ...poolOptions(options),
    connect: { ...verified, timeout: options.connectMs, allowH2: false },
    connectTimeout: options.connectMs,
    requestTls: { ...verified, allowH2: false },
    proxyTls: { ...verified, allowH2: false },
    clientFactory: (origin: URL, client: Pool.Options) =>
      new Pool(origin, { ...client, headersTimeout: options.connectMs }),
    // Empty text, not undefined: that would let undici look into the environment.
    httpProxy: "",
    httpsProxy: proxy.https ? parseProxyUrl(proxy.https).href : "",
    noProxy: `${proxy.noProxy ?? ""},${NEVER_PROXIED}`,
  });
}

/** For the metadata service: no proxy, whatever anybody says, since it would see the node's keys. */
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

function parseProxyUrl(text: string): URL {
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new TypeError("the proxy is not an http or https URL");
  }
  return url;
}
