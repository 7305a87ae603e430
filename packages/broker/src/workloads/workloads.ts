/** Wires service accounts: the cluster, its exchange and keys, and the tokens. Undefined parts if they are not configured. */

import type { SendRequest } from "@ocir-broker/foundation";
import { createIssuerKeys, createOkeWorkload } from "@ocir-broker/identity";
import { durationMs } from "../config/duration.ts";
import type { ClusterOptions } from "./cluster.ts";
import { createCluster } from "./cluster.ts";
import { createWorkloadTokens, type WorkloadTokens, type WorkloadTokensOptions } from "./workload-tokens.ts";

export interface Workloads {
  /** Undefined if `serviceAccounts.exchange` is `none`. */
  readonly tokens: WorkloadTokens | undefined;
  close(): Promise<void>;
}

export interface WorkloadsOptions
  extends ClusterOptions,
    Pick<WorkloadTokensOptions, "random" | "sendTo" | "endpointOf" | "onSession" | "onToken"> {
  /** Wraps the sender to the cluster, to observe it. */
  readonly observe?: (send: SendRequest) => SendRequest;
}

export function createWorkloads(options: WorkloadsOptions): Workloads {
  const { config, clock, observe = (send: SendRequest) => send } = options;
  const { exchange, audience, longestTokenLife } = config.serviceAccounts;
  if (exchange === "none") return { tokens: undefined, close: () => Promise.resolve() };
  const cluster = createCluster(options);
  const { apiServer, endpoint } = cluster;
  const send = observe(cluster.send);
  const tokens = createWorkloadTokens({
    ...options,
    exchange: createOkeWorkload({ clock, send, endpoint }),
    keys: createIssuerKeys({ clock, send, apiServer }),
    audience,
    longestTokenLifeMs: durationMs(longestTokenLife),
  });
  return {
    tokens,
    async close() {
      tokens.close();
      await cluster.close();
    },
  };
}
