/** Reports the requests of one service as identity events. */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { type SendRequest, UpstreamError } from "@ocir-broker/foundation/upstream";
import type { IdentityEvent } from "../identity-event.ts";

type RequestEvent = Extract<IdentityEvent, { type: "request" }>;

export interface ReportedOptions {
  readonly clock: Clock;
  readonly send: SendRequest;
  readonly onEvent?: ((event: IdentityEvent) => void) | undefined;
}

/** Wraps `send`, and reports every request. */
export function reported(upstream: RequestEvent["upstream"], { clock, send, onEvent }: ReportedOptions): SendRequest {
  return async (request) => {
    const startedAtMs = clock.monotonicMs();
    const report = (outcome: RequestEvent["outcome"]): void =>
      onEvent?.({ type: "request", upstream, outcome, elapsedMs: clock.monotonicMs() - startedAtMs });
    try {
      const response = await send(request);
      report(response.status);
      return response;
    } catch (error) {
      if (error instanceof UpstreamError) report(error.code);
      throw error;
    }
  };
}
