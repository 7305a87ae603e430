/**
 * The one line that every request has in the log. At info for all of them: a pull is rare enough, and "did the
 * kubelet ask at all?" is the first question when one fails.
 */

import { codeOf } from "../errors/describe-error.ts";
import type { Log } from "../telemetry/log.ts";
import type { CredentialsAnswer } from "./kubelet-request.ts";

export function logRequest(log: Log, answer: CredentialsAnswer, elapsedMs: number): void {
  const { outcome, image, error } = answer;
  const durationMs = Math.round(elapsedMs * 1_000) / 1_000;
  const facts = { outcome, durationMs, registryHost: image?.registryHost, repository: image?.repository };
  if (error === undefined) log.info(facts, "request answered");
  // What failed upstream has a line of its own; here its code is enough.
  else log.warn({ ...facts, code: codeOf(error) }, "request failed");
}
