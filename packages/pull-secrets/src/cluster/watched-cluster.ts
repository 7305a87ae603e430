/**
 * The resources and Secrets of the cluster, two watches for each name, so that objects of other names cost nothing. A replica without
 * the Lease watches too, so that it can work at once when it gets the Lease.
 */
import { ObjectCache, type ObjectCacheOptions } from "@ocir-broker/kubernetes/object-cache";
import { type PullSecret, parsePullSecret } from "../objects/pull-secret.ts";
import { type KnownSecret, readSecret } from "../objects/secret-content.ts";
import { NAMESPACES_PATH, RESOURCES_PATH, SECRETS_PATH } from "./cluster.ts";

/** @param key `namespace/name` of a resource, as everywhere here. */
type Listener = (key: string) => void;

export type WatchedCluster = ReturnType<typeof watchCluster>;

interface WatchedClusterOptions extends Pick<ObjectCacheOptions<unknown>, "api" | "clock" | "signal" | "say"> {
  readonly names: ReadonlySet<string>;
  /** A label selector in the API server's form, such as `team in (a,b)`: it evaluates the selector, and sends only these namespaces. */
  readonly namespaceSelector?: string | undefined;
}

export function watchCluster({ names, namespaceSelector, ...options }: WatchedClusterOptions) {
  let listener: Listener | undefined;
  const onChange: Listener = (key) => listener?.(key);
  const shared = { ...options, onChange };
  function watchEach<T>(path: string, parse: (object: unknown) => T | undefined) {
    const watches = [...names].map((name) => {
      const query = { fieldSelector: `metadata.name=${name}` };
      return [name, new ObjectCache({ ...shared, path, query, parse })] as const;
    });
    return new Map(watches);
  }
  const resources = watchEach(RESOURCES_PATH, parsePullSecret);
  const secrets = watchEach(SECRETS_PATH, readSecret);
  const watchNamespaces = (labelSelector: string) =>
    new ObjectCache({
      ...shared,
      path: NAMESPACES_PATH,
      query: { labelSelector },
      parse: (object) => ({
        isEnding: (object as { metadata: { deletionTimestamp?: string } }).metadata.deletionTimestamp !== undefined,
      }),
      onChange(key) {
        for (const name of names) onChange(`${key.slice(1)}/${name}`);
      },
    });
  const selected = namespaceSelector === undefined ? undefined : watchNamespaces(namespaceSelector);
  const namespaceOf = (namespace: string) => selected?.get(`/${namespace}`);
  return {
    /** Undefined if it does not exist, or if its selected namespace is being deleted, so that nothing can be created in it. */
    resource(key: string): PullSecret | undefined {
      const [namespace = "", name = ""] = key.split("/");
      return namespaceOf(namespace)?.isEnding ? undefined : resources.get(name)?.get(key);
    },
    secret: (key: string): KnownSecret | undefined => secrets.get(key.slice(key.indexOf("/") + 1))?.get(key),
    /** Adds the responses to writes. */
    putResource: (name: string, object: unknown): void => resources.get(name)?.put(object),
    putSecret: (name: string, object: unknown): void => secrets.get(name)?.put(object),
    *allResources(): Iterable<PullSecret> {
      for (const cache of resources.values()) yield* cache.values();
    },
    /** Whether `namespaceSelector` selects this namespace; false without a selector. */
    isSelected: (namespace: string) => namespaceOf(namespace) !== undefined,
    /** Resolves when everything is listed: without the list of namespaces, every Secret would be emptied. */
    synced: Promise.all([selected, ...resources.values(), ...secrets.values()].map((cache) => cache?.synced)),
    /** @param next called for each change of a resource, its Secret, or whether its namespace is selected; undefined ends the calls. */
    notify(next: Listener | undefined): void {
      listener = next;
    },
  };
}
