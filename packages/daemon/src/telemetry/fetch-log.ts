/**
 * Logs fetches: each success, but of failures in a row only the first, changes of the code, and the recovery. So an outage
 * is one line, not one line for each retry.
 */
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { CacheEvent } from "@ocir-broker/expiring-cache/cache-report";
import type { Log } from "./log.ts";

export function createFetchLog(log: Log, what: "region" | "session" | "token"): (event: CacheEvent) => void {
  const failing = new Map<string, string>();

  return (event) => {
    const facts = what === "token" ? { registryHost: event.key } : {};
    switch (event.type) {
      case "fetched": {
        const { reason, elapsedMs, expiresInMs } = event;
        const recovered = failing.delete(event.key);
        log.info(
          { ...facts, reason, elapsedMs: Math.round(elapsedMs), expiresInMs: Math.round(expiresInMs), recovered },
          `${what} fetched`,
        );
        return;
      }
      case "failed": {
        const { reason, elapsedMs, retryInMs, error } = event;
        const code = codeOf(error);
        const level = failing.get(event.key) === code ? "debug" : "warn";
        failing.set(event.key, code);
        log[level](
          { ...facts, reason, elapsedMs: Math.round(elapsedMs), retryInMs: Math.round(retryInMs), error },
          `${what} not fetched`,
        );
        return;
      }
      case "expired":
        log.error(facts, `${what} expired before it was replaced`);
        return;
      case "dropped":
        failing.delete(event.key);
        log.info({ ...facts, cause: event.cause }, `${what} dropped`);
    }
  };
}
