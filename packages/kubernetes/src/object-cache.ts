/**
 * Keeps what a program needs of watched objects: a list and then a watch, again from the list if the API server has forgotten the
 * version. Objects from responses to writes can be added; an older version never replaces a newer one.
 */
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { describeRefusal, statusOf } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";

export interface ObjectCache<T> {
  get(namespace: string, name: string): T | undefined;
  /** From the response to a write. */
  put(object: unknown): void;
  values(): Iterable<T>;
}

export interface ObjectCacheOptions<T> {
  readonly api: ApiServer;
  readonly clock: Clock;
  /** The collection's path, with a selector if there is one. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** The part of an object that is kept; undefined counts as deleted. */
  readonly parse: (object: unknown) => T | undefined;
  readonly onChange: (namespace: string, name: string) => void;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

interface Known<T> {
  readonly version: bigint;
  /** Undefined if it counts as deleted. */
  readonly value: T | undefined;
}

interface Metadata {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
}

interface ObjectList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly unknown[];
}

const PAGE = "500";
/** A watch is short, so that a connection that is silently dead is noticed. */
const WATCH_SECONDS = 60;
const SILENCE_MS = (WATCH_SECONDS + 15) * 1_000;
const RETRY_MS = 1_000;
const GONE = 410;

/** `synced` resolves when the first list is complete, or after `signal`, which ends the watch. */
export function watchObjects<T>(options: ObjectCacheOptions<T>): { cache: ObjectCache<T>; synced: Promise<void> } {
  const { api, clock, path, query = {}, parse, onChange, say, signal } = options;
  const known = new Map<string, Known<T>>();
  /** Everything up to this version has been listed or watched. */
  let seen = 0n;
  let told = "";

  function put(object: unknown): void {
    const { namespace, name, resourceVersion } = metadataOf(object);
    const key = `${namespace}/${name}`;
    const version = BigInt(resourceVersion);
    const before = known.get(key);
    if (before !== undefined && version <= before.version) return;
    known.set(key, { version, value: parse(object) });
    onChange(namespace, name);
  }

  /** @param version the object did not exist in it. */
  function forget(key: string, version: bigint): void {
    const before = known.get(key);
    if (before === undefined || before.version > version) return;
    known.delete(key);
    const [namespace = "", name = ""] = key.split("/");
    onChange(namespace, name);
  }

  async function list(): Promise<string> {
    const listed = new Set<string>();
    let version = "";
    let next: string | undefined = "";
    while (next !== undefined) {
      const search = new URLSearchParams({ ...query, limit: PAGE, ...(next !== "" && { continue: next }) });
      const page = (await api.send({ method: "GET", path: `${path}?${search}`, signal })) as ObjectList;
      for (const object of page.items) {
        listed.add(keyOf(object));
        put(object);
      }
      version = page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    }
    seen = BigInt(version);
    for (const key of known.keys()) if (!listed.has(key)) forget(key, seen);
    return version;
  }

  /** @returns the version to go on from; undefined if a list is needed. */
  async function watch(from: string): Promise<string | undefined> {
    const wanted = { watch: "true", allowWatchBookmarks: "true", timeoutSeconds: String(WATCH_SECONDS) };
    const search = new URLSearchParams({ ...query, ...wanted, resourceVersion: from });
    let version = from;
    for await (const event of api.watch(`${path}?${search}`, SILENCE_MS, signal)) {
      const { type, object } = event as { type: string; object: { metadata: Metadata } };
      if (type === "ERROR") return undefined;
      version = object.metadata.resourceVersion;
      seen = BigInt(version);
      if (type === "DELETED") forget(keyOf(object), seen);
      else if (type !== "BOOKMARK") put(object);
    }
    return version;
  }

  /** An outage is one line, not one each second. */
  function tell(text: string): void {
    if (text !== told) say(text);
    told = text;
  }

  async function follow(onSynced: () => void): Promise<void> {
    let version: string | undefined;
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs();
      try {
        if (version === undefined) {
          version = await list();
          onSynced();
        }
        version = await watch(version);
        told = "";
      } catch (error) {
        if (signal.aborted) return;
        if (statusOf(error) === GONE) version = undefined;
        else tell(describeRefusal(error));
      }
      // Also if something between ends each watch at once.
      if (clock.monotonicMs() - startedAtMs < RETRY_MS) await sleep(RETRY_MS, clock);
    }
  }

  const { promise: synced, resolve } = Promise.withResolvers<void>();
  void follow(resolve).finally(resolve);
  return {
    synced,
    cache: {
      get: (namespace, name) => known.get(`${namespace}/${name}`)?.value,
      put(object) {
        // Otherwise it may have been deleted since.
        if (BigInt(metadataOf(object).resourceVersion) > seen) put(object);
      },
      *values() {
        for (const { value } of known.values()) if (value !== undefined) yield value;
      },
    },
  };
}

function metadataOf(object: unknown): Metadata {
  return (object as { metadata: Metadata }).metadata;
}

function keyOf(object: unknown): string {
  const { namespace, name } = metadataOf(object);
  return `${namespace}/${name}`;
}
