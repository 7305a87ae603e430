/**
 * The row of an error code: its texts for people, and the daemon's HTTP status. Each package declares all its codes in one table,
 * and packages/broker/src/errors/catalogue.ts joins the tables. The texts contain nothing from an image, a body or an upstream.
 */

export interface ErrorText {
  readonly what: string;
  readonly next: string;
}

export interface RequestErrorText extends ErrorText {
  /** 4xx: the request is at fault. 502: an upstream's answer is unusable. 503: try again. 504: no answer in time. */
  readonly status: 400 | 404 | 405 | 408 | 413 | 431 | 500 | 502 | 503 | 504;
}

export interface FetchErrorText extends RequestErrorText {
  /** False if the same request would fail the same way until something is changed. */
  readonly retryable: boolean;
}

export function transient(status: FetchErrorText["status"], what: string, next: string): FetchErrorText {
  return { status, retryable: true, what, next };
}

export function permanent(status: FetchErrorText["status"], what: string, next: string): FetchErrorText {
  return { status, retryable: false, what, next };
}

/** Advice that several codes share. */
export const NEXT = {
  changingProxy: "check for a proxy that changes requests",
  clock: "check the node's clock (chronyc tracking)",
  dns: "check the node's DNS",
  journal: "see journalctl -u ocir-broker",
  kubeletConfig: "check the kubelet's credential provider configuration",
  network: "check routes, security lists and the service gateway of the node's subnet",
  proxySettings: "check the proxy's settings",
  release: "check that the shim and the broker are of the same release",
  trust: "add the region's CA to the system's store, or to upstream.caFile if that is set",
  wait: "nothing to do, the broker retries",
} as const;
