/**
 * The one form of a row for an error code. Each package has the rows of its codes in its `error-codes.ts`. The texts contain nothing
 * from an image, a request or an upstream.
 */

export interface ErrorRow {
  /** A client's: the request is wrong or refused. The others are ours; the same request may succeed later if it is transient. */
  readonly kind: "client" | "permanent" | "transient";
  readonly what: string;
  readonly next: string;
}

export function clientError(what: string, next: string): ErrorRow {
  return { kind: "client", what, next };
}

export function permanent(what: string, next: string): ErrorRow {
  return { kind: "permanent", what, next };
}

export function transient(what: string, next: string): ErrorRow {
  return { kind: "transient", what, next };
}

/** Advice that several codes share. */
export const NEXT = {
  audience:
    "make serviceAccounts.audience and the kubelet's serviceAccountTokenAudience equal (for OKE: the API server's own)",
  changingProxy: "exempt Oracle's hosts from the proxy or firewall that changes requests",
  clock: "set the clock with chronyc makestep, and check that chronyd runs (OCI's time server is 169.254.169.254)",
  dns: "check /etc/resolv.conf: it should name 169.254.169.254, the VCN's resolver, or a server that forwards to it",
  extraHosts: "check the image's name, or name the registry in registries.extraHosts",
  journal: "see journalctl -u ocir-broker",
  kubeletConfig: "check the kubelet's credential provider configuration",
  network:
    "route the node's subnet to a service gateway for All <region> Services in Oracle Services Network, and allow TCP 443",
  outage: "no action needed: it is retried (Oracle's status page shows outages)",
  proxyAddress: "check proxy.https (or HTTPS_PROXY), and that the node can connect to it",
  proxySettings: "check proxy.https and proxy.noProxy, and the proxy's own rules",
  reinstall: "reinstall ocir-broker",
  release: "check that the shim (the plugin) and the daemon are from the same release",
  trust:
    "add the CA of a proxy that inspects TLS, or of a dedicated region, to upstream.caFile or, if that is not set, to the system " +
    "(update-ca-trust, on Ubuntu update-ca-certificates), then systemctl restart ocir-broker",
  wait: "no action needed: it is retried",
} as const;

export const CLOCK_SKEW = transient(
  "this node's clock is more than 5 minutes off, and OCI refuses its signatures",
  NEXT.clock,
);

export const ABORTED = transient("the broker gave up waiting", NEXT.wait);

/** Of any error that is not ours. */
export const INTERNAL = permanent("the broker has an internal error", NEXT.journal);
