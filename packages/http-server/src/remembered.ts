import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { HttpResponse } from "./http-response.ts";

/** How long a rendered response is reused. */
const FRESH_MS = 1_000;

/**
 * Renders a response at most once a second, however many clients request it.
 *
 * @param revision a response is not reused once this value has changed.
 */
export function remembered(
  clock: Clock,
  render: () => Promise<HttpResponse>,
  revision: () => unknown = () => undefined,
): () => Promise<HttpResponse> {
  let rendered: Promise<HttpResponse> | undefined;
  let untilMs = 0;
  let renderedRevision: unknown;
  return () => {
    const nowMs = clock.monotonicMs();
    if (rendered === undefined || nowMs >= untilMs || revision() !== renderedRevision) {
      untilMs = nowMs + FRESH_MS;
      renderedRevision = revision();
      rendered = render();
    }
    return rendered;
  };
}
