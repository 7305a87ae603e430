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
import { NAMESPACES_PATH, RESOURCES_PATH, SECRETS_PATH } from "./cluster.ts";

export interface WatchedCluster {
  /** Undefined for a name that the chart does not list, like `secrets`. */
  resources(name: string): ObjectCache<PullSecret> | undefined;
  secrets(name: string): ObjectCache<KnownSecret> | undefined;
  allResources(): Iterable<PullSecret>;
  /** Whether `namespaceSelector` selects this namespace; false without a selector. */
  isSelected(namespace: string): boolean;
  /** Whether the selected namespace is being deleted, so that nothing can be created in it. */
  isEnding(namespace: string): boolean;
  /** Resolves when everything is listed. */
  readonly synced: Promise<unknown>;
  /** Called for each change of a resource, its Secret, or whether its namespace is selected; undefined ends the calls. */
  notify(listener: ((namespace: string, name: string) => void) | undefined): void;
}

export interface WatchedClusterOptions {
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly names: ReadonlySet<string>;
  /** A label selector in the API server's form, such as `team in (a,b)`: it evaluates the selector, and sends only these namespaces. */
  readonly namespaceSelector?: string | undefined;
  readonly signal: AbortSignal;
  readonly say: Say;
}

export function watchCluster({ names, namespaceSelector, ...options }: WatchedClusterOptions): WatchedCluster {
  let listener: ((namespace: string, name: string) => void) | undefined;
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<R>(work: () => Promise<R>): Promise<R> {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  }
  const onChange = (namespace: string, name: string) => listener?.(namespace, name);
  const shared = { ...options, inTurn, onChange };
  function watchEach<T>(path: string, parse: (object: unknown) => T | undefined) {
    const watches = [...names].map((name) => {
      const query = { fieldSelector: `metadata.name=${name}` };
      return [name, watchObjects({ ...shared, path, query, parse })] as const;
    });
    return new Map(watches);
  }
  const resources = watchEach(RESOURCES_PATH, parsePullSecret);
  const secrets = watchEach(SECRETS_PATH, readSecret);
  function watchNamespaces(labelSelector: string) {
    return watchObjects({
      ...shared,
      path: NAMESPACES_PATH,
      query: { labelSelector },
      parse: (object) => ({
        isEnding: (object as { metadata: { deletionTimestamp?: string } }).metadata.deletionTimestamp !== undefined,
      }),
      onChange(_, namespace) {
        for (const name of names) onChange(namespace, name);
      },
    });
  }
  const selected = namespaceSelector === undefined ? undefined : watchNamespaces(namespaceSelector);
  return {
    resources: (name) => resources.get(name)?.cache,
    secrets: (name) => secrets.get(name)?.cache,
    *allResources() {
      for (const { cache } of resources.values()) yield* cache.values();
    },
    isSelected: (namespace) => selected?.cache.get("", namespace) !== undefined,
    isEnding: (namespace) => selected?.cache.get("", namespace)?.isEnding ?? false,
    // Without the list of namespaces, every Secret would be emptied.
    synced: Promise.all([selected, ...resources.values(), ...secrets.values()].map((watch) => watch?.synced)),
    notify(next) {
      listener = next;
    },
  };
}
