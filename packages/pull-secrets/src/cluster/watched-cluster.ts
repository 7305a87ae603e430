/**
 * The resources and Secrets of the cluster, one watch for each name. A replica without the Lease watches too, so that it can work at
 * once when it gets the Lease.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import type { ApiServer } from "@ocir-broker/kubernetes/api-server";
import { type ObjectCache, watchObjects } from "@ocir-broker/kubernetes/object-cache";
import { type PullSecret, parsePullSecret } from "../objects/pull-secret.ts";
import { type KnownSecret, readSecret } from "../objects/secret-content.ts";
import { RESOURCES_PATH, SECRETS_PATH } from "./cluster.ts";

export interface WatchedCluster {
  readonly resources: ObjectCache<PullSecret>;
  /** Undefined for a name that the chart does not list. */
  secrets(name: string): ObjectCache<KnownSecret> | undefined;
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
  say(text: string): void;
}

export function watchCluster({ names, ...options }: WatchedClusterOptions): WatchedCluster {
  let listener: ((namespace: string, name: string) => void) | undefined;
  const shared = { ...options, onChange: (namespace: string, name: string) => listener?.(namespace, name) };
  const resources = watchObjects({ ...shared, path: RESOURCES_PATH, parse: parsePullSecret });
  const secrets = new Map(
    [...names].map((name) => {
      const query = { fieldSelector: `metadata.name=${name}` };
      return [name, watchObjects({ ...shared, path: SECRETS_PATH, query, parse: readSecret })];
    }),
  );
  return {
    resources: resources.cache,
    secrets: (name) => secrets.get(name)?.cache,
    synced: Promise.all([resources, ...secrets.values()].map(({ synced }) => synced)),
    notify(next) {
      listener = next;
    },
  };
}
