/** Events for a caller to count or log: closed values and numbers, no sent or received text. */

import type { UpstreamErrorCode } from "@ocir-broker/foundation/error-codes";
import type { IdentityErrorCode } from "./error-codes.ts";

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
