/**
 * The resources and Secrets of the cluster, two watches for each name, so that objects of other names cost nothing. A replica without
 * the Lease watches too, so that it can work at once when it gets the Lease.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import type { Say } from "@ocir-broker/kubernetes/log-line";
import { type ObjectCache, watchObjects } from "@ocir-broker/kubernetes/object-cache";
import { type PullSecret, parsePullSecret } from "../objects/pull-secret.ts";
import { type KnownSecret, readSecret } from "../objects/secret-content.ts";
import { RESOURCES_PATH, SECRETS_PATH } from "./cluster.ts";

export interface WatchedCluster {
  /** Undefined for a name that the chart does not list, like `secrets`. */
  resources(name: string): ObjectCache<PullSecret> | undefined;
  secrets(name: string): ObjectCache<KnownSecret> | undefined;
  allResources(): Iterable<PullSecret>;
  /** Resolves when everything is listed. */
  readonly synced: Promise<unknown>;
  /** Called for each change of a resource or its Secret; undefined ends the calls. */
  notify(listener: ((namespace: string, name: string) => void) | undefined): void;
}

export interface WatchedClusterOptions {
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly names: ReadonlySet<string>;
  readonly signal: AbortSignal;
  readonly say: Say;
}

export function watchCluster({ names, ...options }: WatchedClusterOptions): WatchedCluster {
  let listener: ((namespace: string, name: string) => void) | undefined;
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  }
  const shared = { ...options, inTurn, onChange: (namespace: string, name: string) => listener?.(namespace, name) };
  function watchEach<T>(path: string, parse: (object: unknown) => T | undefined) {
    const watches = [...names].map((name) => {
      const query = { fieldSelector: `metadata.name=${name}` };
      return [name, watchObjects({ ...shared, path, query, parse })] as const;
    });
    return new Map(watches);
  }
  const resources = watchEach(RESOURCES_PATH, parsePullSecret);
  const secrets = watchEach(SECRETS_PATH, readSecret);
  return {
    resources: (name) => resources.get(name)?.cache,
    secrets: (name) => secrets.get(name)?.cache,
    *allResources() {
      for (const { cache } of resources.values()) yield* cache.values();
    },
    synced: Promise.all([...resources.values(), ...secrets.values()].map(({ synced }) => synced)),
    notify(next) {
      listener = next;
    },
  };
}
