import { setImmediate } from "node:timers/promises";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { expect, it, onTestFinished } from "vitest";
import { ApiError, ResponseTooLargeError } from "./api-error.ts";
import type { ApiServer } from "./api-server.ts";
import { ObjectCache } from "./object-cache.ts";

const named = (name: string, version: number) => ({
  metadata: { namespace: "shop", name, resourceVersion: String(version) },
});

const TOO_LARGE = "";

/** Each page is the next of `lists`, or fails; a watch sends the next of `watches` and ends, or fails, or stays open without one. */
function setUp(
  lists: (readonly unknown[] | Error)[],
  watches: (readonly (object | string)[] | Error)[],
  versions = [10, 20],
) {
  const clock = createFakeClock();
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const changed: string[] = [];
  const limits: string[] = [];
  const paths: string[] = [];
  const said: string[] = [];
  const api: ApiServer = {
    async send({ path }) {
      limits.push(new URLSearchParams(path.split("?")[1]).get("limit") ?? "");
      const next = lists.shift() ?? [];
      if (next instanceof Error) throw next;
      return { metadata: { resourceVersion: String(versions.shift()) }, items: next };
    },
    async *watch(path) {
      paths.push(path);
      const next = watches.shift();
      if (next instanceof Error) throw next;
      if (next === undefined) await new Promise(() => {});
      for (const event of next ?? [])
        if (event instanceof Error) throw event;
        else yield Buffer.from(typeof event === "string" ? event : JSON.stringify(event));
    },
    close: async () => {},
  };
  const cache = new ObjectCache({
    ...{ api, clock, path: "/things", say: (text) => void said.push(text), signal: ending.signal },
    parse: (object) => (object as ReturnType<typeof named>).metadata,
    onChange: (key) => void changed.push(key),
  });
  const versionOf = (name: string) => cache.get(`shop/${name}`)?.resourceVersion;
  return { clock, cache, synced: cache.synced, changed, limits, paths, said, versionOf };
}

it("ObjectCaches decode one line in each turn of the event loop, so that large ones keep nothing else waiting", async () => {
  const caches = ["a", "b", "c"].map((name) => setUp([[]], [[{ type: "ADDED", object: named(name, 11) }]]));
  const seen = () => caches.flatMap(({ changed }) => changed).length;
  const inEachTurn: number[] = [];
  for (let before = 0; before < 3; before = seen()) {
    await setImmediate();
    inEachTurn.push(seen() - before);
  }
  expect(Math.max(...inEachTurn)).toBe(1);
});

it("ObjectCache keeps the newer version when a watch is behind a response", async () => {
  const events = [{ type: "MODIFIED", object: named("a", 11) }];
  const { cache, synced, versionOf, clock } = setUp([[named("a", 5)]], [events]);
  await synced;
  cache.put(named("a", 12));
  await clock.advance(0);
  expect(versionOf("a")).toBe("12");
});

it("ObjectCache drops a deleted object, and ignores the late response to an earlier write of it", async () => {
  const events = [
    { type: "DELETED", object: named("a", 12) },
    { type: "BOOKMARK", object: { metadata: { resourceVersion: "15" } } },
  ];
  const { cache, synced, changed, versionOf, clock } = setUp([[named("a", 5)]], [events]);
  await synced;
  await clock.advance(0);
  cache.put(named("a", 11));
  expect([versionOf("a"), changed]).toEqual([undefined, ["shop/a", "shop/a"]]);
});

it("ObjectCache lists large objects in smaller pages, down to one object", async () => {
  const tooLarge = new ResponseTooLargeError(1);
  const { synced, limits, versionOf } = setUp([tooLarge, tooLarge, tooLarge, [named("a", 5)]], []);
  await synced;
  expect([limits, versionOf("a")]).toEqual([["20", "5", "2", "1"], "5"]);
});

it("ObjectCache lists again after a line that was too large, uses the watch's rest, and drops what the list lacks", async () => {
  const events = [TOO_LARGE, { type: "MODIFIED", object: named("b", 12) }];
  const lists = [[named("a", 5), named("b", 6)], [named("b", 12)]];
  const { clock, synced, changed, limits, versionOf } = setUp(lists, [events]);
  await synced;
  await clock.advance(0);
  expect([versionOf("a"), versionOf("b"), limits.length]).toEqual(["5", "12", 1]);
  await clock.advance(1_000);
  expect([versionOf("a"), versionOf("b"), limits.length]).toEqual([undefined, "12", 2]);
  expect(changed.at(-1)).toBe("shop/a");
});

it("ObjectCache goes on from the same version after a line that is not JSON, and does not quote it", async () => {
  const watches = [['{"token": eyJhbGciOi}'], [{ type: "ADDED", object: named("a", 11) }]];
  const { clock, synced, said, paths, versionOf } = setUp([[]], watches);
  await synced;
  await clock.advance(10_000);
  expect(versionOf("a")).toBe("11");
  expect(paths.slice(0, 2)).toEqual([paths[0], paths[0]]);
  expect(said).toEqual([expect.not.stringContaining("eyJ")]);
});

it("ObjectCache continues where a watch ended or broke, reads no event twice, and lists again if that version is gone", async () => {
  const bookmark = [{ type: "BOOKMARK", object: { metadata: { resourceVersion: "15" } } }];
  const broken = [{ type: "ADDED", object: named("a", 16) }, new Error("broken")];
  const { clock, paths } = setUp([], [[], [], bookmark, new Error("broken"), broken, new ApiError(410, "")]);
  await clock.advance(10_000);
  const versions = paths.map((path) => new URLSearchParams(path.split("?")[1]).get("resourceVersion"));
  expect(versions).toEqual(["10", "10", "10", "15", "15", "16", "20"]);
});

it("ObjectCache lists again after a watch's error, reports it once, and waits longer each time", async () => {
  const error = { type: "ERROR", object: { code: 500, message: "etcd: corrupt" } };
  const times = <T>(value: T) => Array.from({ length: 60 }, () => value);
  const lists = times([]);
  const { clock, said } = setUp(lists, times([error]), times(10));
  await clock.advance(60_000);
  expect(said).toEqual(["the API server returned 500: etcd: corrupt"]);
  // After 0, 1, 2, 4, 8, 16, 26, 36, 46 and 56 seconds.
  expect(lists).toHaveLength(60 - 10);
});

const GONE = [{ type: "ERROR", object: { code: 410 } }];

it.each([
  ["whose versions are older", 50],
  ["whose versions have reached the last one again", 150],
])("ObjectCache replaces everything after a restore of etcd %s", async (_state, version) => {
  const before = [named("a", 91), named("b", 92)];
  const { clock, cache, versionOf } = setUp([before, [named("a", 41)]], [GONE], [100, version]);
  await clock.advance(1_000);
  expect([versionOf("a"), versionOf("b")]).toEqual(["41", undefined]);
  cache.put(named("a", version + 1));
  expect(versionOf("a")).toBe(String(version + 1));
});

it("ObjectCache keeps the response to a write that is newer than a list", async () => {
  const { clock, cache, synced, versionOf } = setUp([[named("a", 5)], [named("a", 5)]], [GONE]);
  await synced;
  cache.put(named("a", 25));
  cache.put(named("b", 26));
  await clock.advance(1_000);
  expect([versionOf("a"), versionOf("b")]).toEqual(["25", "26"]);
});
