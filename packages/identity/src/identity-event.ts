/** Events for a caller to count or log: closed values and numbers, no sent or received text. */
import type { IdentityErrorCode } from "@ocir-broker/errors/identity-errors";
import type { UpstreamErrorCode } from "@ocir-broker/errors/upstream-errors";

export type IdentityEvent =
  /** One request; `outcome` is the response's status, or the reason why there was no complete response. */
  | {
      readonly type: "request";
      readonly upstream: "metadata" | "federation";
      readonly outcome: number | UpstreamErrorCode;
      readonly elapsedMs: number;
    }
  /** The same request will be repeated within this call, `delayMs` from now. */
  | { readonly type: "retry"; readonly code: IdentityErrorCode; readonly delayMs: number };
