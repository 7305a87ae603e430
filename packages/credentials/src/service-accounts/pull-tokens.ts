/**
 * Decides whose token a pull gets: the node's, or that of the pod's service account. Fails closed: without a token exchange, or
 * after one that failed, the node's identity is used only if the configuration says so.
 */

import type { Config } from "@ocir-broker/config/schema";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import type { CacheResult } from "@ocir-broker/expiring-cache/cache-report";
import type { ExpiringCache } from "@ocir-broker/expiring-cache/expiring-cache";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { RequestedServiceAccount } from "@ocir-broker/protocol/request";
import type { ServiceAccountCache } from "./service-account-cache.ts";

export interface PullToken extends CacheResult<Secret> {
  readonly identity: "node" | "service-account";
  /** Why the node's token is served for a service account, if `serviceAccounts.fallback` allows it. */
  readonly failure?: unknown;
}

export type PullTokens = ReturnType<typeof createPullTokens>;

export interface PullTokensOptions {
  readonly clock: Clock;
  readonly settings: Pick<Config["serviceAccounts"], "select" | "annotation" | "fallback">;
  readonly tokens: Pick<ExpiringCache<Secret>, "get">;
  /** Undefined if `serviceAccounts.tokenExchange` is `none`. */
  readonly serviceAccounts: Pick<ServiceAccountCache, "get"> | undefined;
}

/** Values of the annotation. */
const SERVICE_ACCOUNT = "service-account";
const NODE = "node";

export function createPullTokens({ clock, settings, tokens, serviceAccounts }: PullTokensOptions) {
  const { select, annotation, fallback } = settings;

  const ofNode = async (registryHost: string, deadlineAtMs: number): Promise<PullToken> => ({
    ...(await tokens.get(registryHost, { waitMs: Math.max(0, deadlineAtMs - clock.monotonicMs()) })),
    identity: NODE,
  });

  async function ofServiceAccount(registryHost: string, pod: RequestedServiceAccount, deadlineAtMs: number) {
    if (serviceAccounts === undefined)
      throw new BrokerError("service-accounts-off", "serviceAccounts.tokenExchange is none");
    const result = await serviceAccounts.get(registryHost, pod.token, { deadlineAtMs });
    return { ...result, identity: "service-account" as const };
  }

  /** In opt-in mode a service account that has not opted in uses the node's identity. */
  function isOptedIn({ annotations }: RequestedServiceAccount): boolean {
    if (select === "all") return true;
    const value = Object.hasOwn(annotations, annotation) ? annotations[annotation] : NODE;
    if (value === NODE || value === SERVICE_ACCOUNT) return value === SERVICE_ACCOUNT;
    throw new BrokerError("annotation-unknown", `the annotation is neither ${SERVICE_ACCOUNT} nor ${NODE}`);
  }

  return {
    /** Ends before `deadlineAtMs` on the monotonic clock. */
    async get(
      registryHost: string,
      serviceAccount: RequestedServiceAccount | undefined,
      { deadlineAtMs }: { deadlineAtMs: number },
    ): Promise<PullToken> {
      if (serviceAccount === undefined || !isOptedIn(serviceAccount)) return ofNode(registryHost, deadlineAtMs);
      try {
        return await ofServiceAccount(registryHost, serviceAccount, deadlineAtMs);
      } catch (failure) {
        if (fallback !== "node") throw failure;
        return { ...(await ofNode(registryHost, deadlineAtMs)), failure };
      }
    },
  };
}
