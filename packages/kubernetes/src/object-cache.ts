/**
 * Keeps what a program needs of watched objects: a list and then a watch, again from the list if the API server has forgotten the
 * version. Objects from responses to writes can be added; an older version never replaces a newer one.
 */
import { setImmediate } from "node:timers/promises";
import { backOffMs } from "@ocir-broker/foundation/time/back-off";
import type { Clock } from "@ocir-broker/foundation/time/clock";
import { sleep } from "@ocir-broker/foundation/time/sleep";
import { ApiError, describeRefusal, ResponseTooLargeError, statusOf } from "./api-error.ts";
import { type ApiServer, decode } from "./api-server.ts";
import type { Say } from "./log-line.ts";

export interface ObjectCacheOptions<T> {
  readonly api: ApiServer;
  readonly clock: Clock;
  /** The collection's path, with a selector if there is one. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** The part of an object that is kept; undefined counts as deleted. */
  readonly parse: (object: unknown) => T | undefined;
  /** @param key `namespace/name`; for an object of the cluster, the namespace is empty. */
  readonly onChange: (key: string) => void;
  readonly say: Say;
  readonly signal: AbortSignal;
}

interface Known<T> {
  readonly version: bigint;
  /** Undefined if it counts as deleted. */
  readonly value: T | undefined;
}

interface Metadata {
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
/** Of all caches: a decoded page needs several times its size of memory. */
const pageInTurn = createTurns();
/** Of all watches: large lines of many would otherwise keep everything else waiting. */
const lineInTurn = createTurns();

export class ObjectCache<T> {
  /** Resolves when the first list is complete, or after `signal`, which ends the watch. */
  readonly synced: Promise<void>;
  readonly #options: ObjectCacheOptions<T>;
  readonly #known = new Map<string, Known<T>>();
  /** Everything up to this version has been listed or watched. */
  #seen = 0n;
  #mustList = true;
  #told = "";

  constructor(options: ObjectCacheOptions<T>) {
    this.#options = options;
    this.synced = new Promise((resolve) => void this.#follow(resolve).finally(resolve));
  }

  get(key: string): T | undefined {
    return this.#known.get(key)?.value;
  }

  *values(): Iterable<T> {
    for (const { value } of this.#known.values()) if (value !== undefined) yield value;
  }

  /** @param object from the response to a write. */
  put(object: unknown): void {
    // Otherwise it may have been deleted since.
    if (BigInt(metadataOf(object).resourceVersion) > this.#seen) this.#put(object);
  }

  /** @param upTo the object had this content up to this version. Default: its own. */
  #put(object: unknown, upTo?: bigint | number): void {
    const key = keyOf(object);
    const version = BigInt(metadataOf(object).resourceVersion);
    const before = this.#known.get(key);
    if (before !== undefined && (before.version === version || before.version > (upTo ?? version))) return;
    this.#known.set(key, { version, value: this.#options.parse(object) });
    this.#options.onChange(key);
  }

  /** @param upTo the object did not exist in this version. */
  #forget(key: string, upTo: bigint | number): void {
    const before = this.#known.get(key);
    if (before === undefined || before.version > upTo) return;
    this.#known.delete(key);
    this.#options.onChange(key);
  }

  async #follow(onSynced: () => void): Promise<void> {
    const { clock, signal } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      const startedAtMs = clock.monotonicMs();
      try {
        if (this.#mustList) await this.#list();
        onSynced();
        await this.#watch();
        failures = 0;
        this.#told = "";
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        if (statusOf(error) === GONE) this.#mustList = true;
        else this.#tell(describeRefusal(error));
      }
      // Also if something between ends each watch at once.
      const spacingMs = Math.max(RETRY_MS, backOffMs(failures, 1, { longestMs: LONGEST_RETRY_MS }));
      await sleep(startedAtMs + spacingMs - clock.monotonicMs(), clock);
    }
  }

  /** An outage is one line, not one each second. */
  #tell(text: string): void {
    if (text !== this.#told) this.#options.say(text, "warn");
    this.#told = text;
  }

  async #list(): Promise<void> {
    const listed = new Set<string>();
    let version = 0n;
    // After a restore of etcd, versions start again from an older one, and those of known objects mean nothing.
    const upTo = () => (version < this.#seen ? Infinity : version);
    let limit = PAGE;
    let next: string | undefined = "";
    const readPage = async (): Promise<void> => {
      const page = await this.#readPage(limit, next);
      version = BigInt(page.metadata.resourceVersion);
      for (const object of page.items) {
        listed.add(keyOf(object));
        this.#put(object, upTo());
      }
      next = page.metadata.continue || undefined;
    };
    while (next !== undefined) {
      try {
        await pageInTurn(readPage);
      } catch (error) {
        if (!(error instanceof ResponseTooLargeError) || limit === 1) throw error;
        limit = Math.ceil(limit / 4);
      }
    }
    for (const key of this.#known.keys()) if (!listed.has(key)) this.#forget(key, upTo());
    this.#seen = version;
    this.#mustList = false;
  }

  async #readPage(limit: number, next: string | undefined): Promise<ObjectList> {
    const { api, path, query = {}, signal } = this.#options;
    const search = new URLSearchParams({ ...query, limit: String(limit), ...(next && { continue: next }) });
    const maxBytes = limit === 1 ? MAX_OBJECT_BYTES : MAX_PAGE_BYTES;
    return (await api.send({ method: "GET", path: `${path}?${search}`, maxBytes, signal })) as ObjectList;
  }

  async #watch(): Promise<void> {
    const { api, path, query = {}, signal } = this.#options;
    const wanted = { watch: "true", allowWatchBookmarks: "true", timeoutSeconds: String(WATCH_SECONDS) };
    const search = new URLSearchParams({ ...query, ...wanted, resourceVersion: String(this.#seen) });
    for await (const line of api.watch(`${path}?${search}`, SILENCE_MS, signal)) {
      await lineInTurn(setImmediate);
      // Too large for a line, but not for a list, which also shows if that object was deleted.
      if (line.length === 0) this.#mustList = true;
      else this.#see(line);
    }
  }

  /** Decodes late, so that only one watch has the text of an object and the object: a tenant's may take 5 MB. */
  #see(line: Buffer): void {
    const { type, object } = decode(line.toString()) as { type: string; object: { code: number; metadata: Metadata } };
    if (type === "ERROR") {
      this.#mustList = true;
      throw new ApiError(object.code, JSON.stringify(object));
    }
    this.#seen = BigInt(object.metadata.resourceVersion);
    if (type === "DELETED") this.#forget(keyOf(object), this.#seen);
    else if (type !== "BOOKMARK") this.#put(object);
  }
}

/** @returns a function that begins its work when all earlier work has ended. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve();
  return (work: () => Promise<void>): Promise<void> => {
    const result = last.then(work);
    last = result.catch(() => {});
    return result;
  };
}

function metadataOf(object: unknown): Metadata {
  return (object as { metadata: Metadata }).metadata;
}

function keyOf(object: unknown): string {
  const { namespace = "", name } = metadataOf(object);
  return `${namespace}/${name}`;
}
