/**
 * Logs one line for each request. At info, because pulls are rare and "did the kubelet ask at all?" is the first question
 * when one fails.
 */
import type { CredentialsResponse } from "@ocir-broker/credentials/pulls/kubelet-credentials";
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Log } from "./log.ts";

export function logRequest(log: Log, response: CredentialsResponse, elapsedMs: number): void {
  const { outcome, image, identity, account, failure, error } = response;
  const durationMs = Math.round(elapsedMs * 1_000) / 1_000;
  const facts = { outcome, durationMs, registryHost: image?.registryHost, repository: image?.repository, account };
  if (outcome === "anonymous") log.warn({ ...facts, code: codeOf(failure) }, "request answered without a token");
  else if (failure !== undefined)
    log.warn({ ...facts, identity, code: codeOf(failure) }, "request answered with fallback");
  else if (error === undefined) log.info({ ...facts, identity }, "request answered");
  // An upstream's failure has its own line, so its code is enough here.
  else log.warn({ ...facts, code: codeOf(error) }, "request failed");
}
