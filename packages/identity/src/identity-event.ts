/** Events for a caller to count or log: closed values and numbers, nothing that was sent or received. */
import type { UpstreamErrorCode } from "@ocir-broker/foundation";
import type { IdentityErrorCode } from "./identity-error.ts";

export type IdentityEvent =
  /** One request left; `outcome` is the status that was answered, or why no whole answer came. */
  | {
      readonly type: "request";
      readonly upstream: "metadata" | "federation";
      readonly outcome: number | UpstreamErrorCode;
      readonly elapsedMs: number;
    }
  /** The same will be asked again in this call, `delayMs` from now. */
  | { readonly type: "retry"; readonly code: IdentityErrorCode; readonly delayMs: number };
