/** Reports the requests of one service as identity events. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { observed, type SendRequest, UpstreamError } from "@ocir-broker/foundation/upstream";
import type { IdentityEvent } from "../identity-event.ts";

type RequestEvent = Extract<IdentityEvent, { type: "request" }>;

export interface ReportedOptions {
  readonly clock: Clock;
  readonly send: SendRequest;
  readonly onEvent?: ((event: IdentityEvent) => void) | undefined;
}

export function reported(upstream: RequestEvent["upstream"], { clock, send, onEvent }: ReportedOptions): SendRequest {
  return observed(send, clock, (_request, end, elapsedMs) => {
    const made = { type: "request", upstream, elapsedMs } as const;
    if ("response" in end) onEvent?.({ ...made, outcome: end.response.status });
    else if (end.error instanceof UpstreamError) onEvent?.({ ...made, outcome: end.error.code });
  });
}
