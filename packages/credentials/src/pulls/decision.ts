/** What was decided about a request for credentials. Who asked gets `body`; how an error reaches them is the caller's business. */
import type { ImageName } from "@ocir-broker/ocir/image";
import type { PullToken } from "../service-accounts/pull-tokens.ts";

export const REQUEST_OUTCOMES = [
  "hit",
  "stale",
  "miss",
  "coalesced",
  "denied",
  "foreign",
  "refused",
  "anonymous",
  "error",
] as const;

/**
 * "foreign" is an image of a registry that is not Oracle's; "refused" is root's credential helper; "anonymous" is a failure for a
 * service account, which gets the anonymous entry instead of an error.
 */
type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

export interface Decision {
  readonly outcome: RequestOutcome;
  /** What a client gets in its protocol. Undefined for an error; for docker's clients also if they have to do without credentials. */
  readonly body?: Buffer;
  /** The requested image, if it could be parsed; clients other than the kubelet only name a registry host. */
  readonly image?: (Pick<ImageName, "registryHost"> & Partial<ImageName>) | undefined;
  /** Whose token it is; undefined without one. */
  readonly identity?: PullToken["identity"];
  /** The service account of the request: its namespace and its name, which nothing has verified. */
  readonly account?: string | undefined;
  /** Why there are no credentials or, with a body, why a service account got the node's token or the anonymous entry. */
  readonly error?: unknown;
}

/** Never rejects. */
export type Decide = (request: Buffer) => Promise<Decision>;
