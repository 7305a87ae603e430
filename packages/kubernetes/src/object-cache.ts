/**
 * Keeps what a program needs of watched objects: a list and then a watch, again from the list if the API server has forgotten the
 * version. Objects from responses to writes can be added; an older version never replaces a newer one.
 */
import { backOffMs } from "@ocir-broker/foundation/time/back-off";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { ApiError, describeRefusal, ResponseTooLargeError, statusOf } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";
import type { Say } from "./log-line.ts";

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
  /** Runs a part of a list after those of other caches, because each needs several times a page of memory. */
  readonly inTurn: <R>(work: () => Promise<R>) => Promise<R>;
  readonly say: Say;
  readonly signal: AbortSignal;
}

interface Known<T> {
  readonly version: bigint;
  /** Undefined if it counts as deleted. */
  readonly value: T | undefined;
}

interface Metadata {
  /** Absent for an object of the cluster, whose key has an empty one. */
  readonly namespace?: string;
  readonly name: string;
  readonly resourceVersion: string;
}

interface ObjectList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly unknown[];
}

/** Objects in a page; fewer if they are large. */
const PAGE = 20;
/** A tenant's objects may have 1.5 MB each, and a page takes several times its size from the chart's 256 MiB. */
const MAX_PAGE_BYTES = 6 * 1024 * 1024;
/** No object is larger: the 1.5 MiB that etcd stores, if each byte is escaped in JSON. */
const MAX_OBJECT_BYTES = 10 * 1024 * 1024;
/** A watch is short, so that a connection that is silently dead is noticed. */
const WATCH_SECONDS = 60;
const SILENCE_MS = (WATCH_SECONDS + 15) * 1_000;
/** Between the starts of two watches; longer after failures, because a failed watch may need a list. */
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 10_000;
const GONE = 410;

/** `synced` resolves when the first list is complete, or after `signal`, which ends the watch. */
export function watchObjects<T>(options: ObjectCacheOptions<T>): { cache: ObjectCache<T>; synced: Promise<void> } {
  const { api, clock, path, query = {}, parse, onChange, inTurn, say, signal } = options;
  const known = new Map<string, Known<T>>();
  /** Everything up to this version has been listed or watched. */
  let seen = 0n;
  let mustList = true;
  let told = "";

  /** @param upTo the object had this content up to this version. Default: its own. */
  function put(object: unknown, upTo?: bigint | number): void {
    const { namespace = "", name, resourceVersion } = metadataOf(object);
    const key = `${namespace}/${name}`;
    const version = BigInt(resourceVersion);
    const before = known.get(key);
    if (before !== undefined && (before.version === version || before.version > (upTo ?? version))) return;
    known.set(key, { version, value: parse(object) });
    onChange(namespace, name);
  }

  /** @param upTo the object did not exist in this version. */
  function forget(key: string, upTo: bigint | number): void {
    const before = known.get(key);
    if (before === undefined || before.version > upTo) return;
    known.delete(key);
    const [namespace = "", name = ""] = key.split("/");
    onChange(namespace, name);
  }

  async function list(): Promise<void> {
    const listed = new Set<string>();
    let version = 0n;
    // After a restore of etcd, versions start again from an older one, and those of known objects mean nothing.
    const upTo = () => (version < seen ? Number.POSITIVE_INFINITY : version);
    let limit = PAGE;
    let next: string | undefined = "";
    async function readPage(): Promise<void> {
      const search = new URLSearchParams({ ...query, limit: String(limit), ...(next && { continue: next }) });
      const maxBytes = limit === 1 ? MAX_OBJECT_BYTES : MAX_PAGE_BYTES;
      const page = (await api.send({ method: "GET", path: `${path}?${search}`, maxBytes, signal })) as ObjectList;
      version = BigInt(page.metadata.resourceVersion);
      for (const object of page.items) {
        listed.add(keyOf(object));
        put(object, upTo());
      }
      next = page.metadata.continue || undefined;
    }
    while (next !== undefined) {
      try {
        await inTurn(readPage);
      } catch (error) {
        if (!(error instanceof ResponseTooLargeError) || limit === 1) throw error;
        limit = Math.ceil(limit / 4);
      }
    }
    for (const key of known.keys()) if (!listed.has(key)) forget(key, upTo());
    seen = version;
    mustList = false;
  }

  async function watch(): Promise<void> {
    const wanted = { watch: "true", allowWatchBookmarks: "true", timeoutSeconds: String(WATCH_SECONDS) };
    const search = new URLSearchParams({ ...query, ...wanted, resourceVersion: String(seen) });
    for await (const event of api.watch(`${path}?${search}`, SILENCE_MS, signal)) {
      const { type, object } = event as { type: string; object: { code: number; metadata: Metadata } };
      if (type === "ERROR") {
        mustList = true;
        throw new ApiError(object.code, JSON.stringify(object));
      }
      seen = BigInt(object.metadata.resourceVersion);
      if (type === "DELETED") forget(keyOf(object), seen);
      else if (type !== "BOOKMARK") put(object);
    }
  }

  /** An outage is one line, not one each second. */
  function tell(text: string): void {
    if (text !== told) say(text, "warn");
    told = text;
  }

  async function follow(onSynced: () => void): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs();
      const lastedMs = () => clock.monotonicMs() - startedAtMs;
      try {
        if (mustList) await list();
        onSynced();
        await watch();
        failures = 0;
        told = "";
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (statusOf(error) === GONE) mustList = true;
        else tell(describeRefusal(error));
      }
      // Also if something between ends each watch at once.
      const spacingMs = Math.max(RETRY_MS, backOffMs(failures, 1, { longestMs: LONGEST_RETRY_MS }));
      if (lastedMs() < spacingMs) await sleep(spacingMs - lastedMs(), clock);
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
  const { namespace = "", name } = metadataOf(object);
  return `${namespace}/${name}`;
}
