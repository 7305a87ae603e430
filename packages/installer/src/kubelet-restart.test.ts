/** The restart of a kubelet that takes a fake clock's time. With a real systemd: test/system/kubelet-restart.test.ts. */
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, it } from "vitest";
import { LIMIT_SECONDS, type RestartTools, restartWithFlags, restartWithoutFlags } from "./kubelet-restart.ts";

const FLAGS = { config: "/c.yaml", binDir: "/bin" };
const RESULT: NodeResult = { ok: true, version: "1.2.3", steps: [], flags: FLAGS };
const ADDED = {
  steps: [{ name: "kubelet-flags", state: "done" }],
  kubelet: { kind: "restart", because: "flags" },
} satisfies Partial<NodeResult>;
const PRESENT: Partial<NodeResult> = {
  steps: [],
  kubelet: { kind: "restart", because: "configuration" },
};
const RESTART = ["daemon-reload", "reset-failed", "--no-block restart"];
const TAKEN_BACK = [...RESTART, "disconnect", ...RESTART];

/** When the restarted kubelet starts, and how long each of its processes runs, in seconds; systemd starts it again after 10 s. */
interface Kubelet {
  readonly startsAfter?: number;
  readonly runsFor?: number;
  readonly usesFlags?: boolean;
  readonly isRefused?: boolean;
  readonly disconnects?: Partial<NodeResult>;
  readonly isSilentAfter?: number;
}

function nodeWith({
  startsAfter = 1,
  runsFor = Infinity,
  usesFlags = true,
  isRefused = false,
  disconnects = {},
  isSilentAfter = Infinity,
}: Kubelet) {
  const clock = createFakeClock();
  const done: string[] = [];
  let restartedMs = Infinity;
  const show = () => {
    const seconds = (clock.monotonicMs() - restartedMs) / 1_000 - startsAfter;
    if (seconds + startsAfter > isSilentAfter) return undefined;
    if (!(seconds >= 0)) return "ExecMainStartTimestampMonotonic=7\nMainPID=70\n";
    const round = Math.floor(seconds / (runsFor + 10));
    const isRunning = runsFor === Infinity || seconds % (runsFor + 10) < runsFor;
    return `ExecMainStartTimestampMonotonic=${100 + (round || 0)}\nMainPID=${isRunning ? 80 : 0}\n`;
  };
  const tools: RestartTools = {
    clock,
    async systemctl(...args) {
      if (args[0] === "show") return show();
      done.push(args.filter((arg) => arg !== "kubelet.service").join(" "));
      if (!args.includes("restart")) return "";
      restartedMs = Math.min(restartedMs, clock.monotonicMs());
      return isRefused ? undefined : "";
    },
    connect: () => Promise.reject(new Error("not here")),
    async disconnect() {
      done.push("disconnect");
      return { ...RESULT, ...disconnects };
    },
    usesFlags: async (files) => usesFlags && files === FLAGS,
    keepsFlags: async () => false,
  };
  /** @returns the result, what was done, and how many seconds it took. */
  async function run(start: (tools: RestartTools) => Promise<NodeResult>) {
    const startMs = clock.monotonicMs();
    let ended: { readonly result: NodeResult; readonly seconds: number } | undefined;
    void start(tools).then((result) => {
      ended = { result, seconds: (clock.monotonicMs() - startMs) / 1_000 };
    });
    while (ended === undefined) await clock.advance(1_000);
    const { ok, code = ok ? "ok" : "", reason = "" } = ended.result;
    return { code, reason, seconds: ended.seconds, done };
  }
  return { clock, tools, run };
}

const NEVER = new AbortController().signal;
const DEFAULT = { limitSeconds: LIMIT_SECONDS, signal: NEVER };

describe("restartWithFlags", () => {
  it.each<[what: string, connected: Partial<NodeResult>, kubelet: Kubelet, limitSeconds: number, expected: object]>([
    ["runs for 30 s", ADDED, {}, 100, { code: "ok", done: RESTART, seconds: 32 }],
    ["starts late", ADDED, { startsAfter: 60 }, 100, { code: "ok", done: RESTART, seconds: 90 }],
    ["runs for a share of a short limit", ADDED, {}, 20, { code: "ok", done: RESTART, seconds: 8 }],
    ["runs, with the shortest limit", ADDED, {}, 10, { code: "ok", done: RESTART, seconds: 6 }],
    ["needs no restart", { ...ADDED, kubelet: { kind: "nothing" } }, {}, 100, { code: "ok", done: [], seconds: 0 }],
    ["had the flags, and runs", PRESENT, {}, 100, { code: "ok", done: RESTART }],
    ["crashes each time", ADDED, { runsFor: 20 }, 100, { code: "kubelet-restart", done: TAKEN_BACK, seconds: 100 }],
    ["crashes at once", ADDED, { runsFor: 0 }, 100, { code: "kubelet-restart", done: TAKEN_BACK }],
    ["ignores the flags", ADDED, { usesFlags: false }, 100, { code: "kubelet-restart", done: TAKEN_BACK }],
    [
      "is refused by systemd",
      ADDED,
      { isRefused: true },
      100,
      { code: "kubelet-restart", done: TAKEN_BACK, seconds: 0 },
    ],
    ["had the flags before, and crashes", PRESENT, { runsFor: 20 }, 100, { code: "kubelet-unseen", done: RESTART }],
    ["is not started by systemd yet", ADDED, { startsAfter: 500 }, 100, { code: "kubelet-unseen", done: RESTART }],
    ["is not shown by systemd", ADDED, { isSilentAfter: 0 }, 100, { code: "kubelet-unseen", done: RESTART }],
    [
      "crashes, and a full disk keeps the flags",
      ADDED,
      { runsFor: 0, disconnects: { ok: false, code: "disk", reason: "ENOSPC" } },
      100,
      { code: "kubelet-unseen", reason: expect.stringContaining("ENOSPC"), done: [...RESTART, "disconnect"] },
    ],
  ])("restarts, and takes back only the flags that it has added, when the kubelet %s", async (...row) => {
    const [, connected, kubelet, limitSeconds, expected] = row;
    const node = nodeWith(kubelet);
    const connect = async () => ({ ...RESULT, ...connected });
    const run = await node.run((tools) => restartWithFlags({ ...tools, connect }, { limitSeconds, signal: NEVER }));
    expect(run).toMatchObject(expected);
  });

  it("restarts nothing if the node cannot be connected", async () => {
    const failed = async () => ({ ...RESULT, ok: false, code: "connect", reason: "an error" });
    const run = await nodeWith({}).run((tools) => restartWithFlags({ ...tools, connect: failed }, DEFAULT));
    expect(run).toMatchObject({ code: "connect", done: [] });
  });

  it("takes the flags back at once if a signal ends it", async () => {
    const node = nodeWith({ runsFor: 20 });
    const abort = new AbortController();
    node.clock.setTimer(() => abort.abort(), 45_000);
    const connect = async () => ({ ...RESULT, ...ADDED });
    const run = await node.run((tools) =>
      restartWithFlags({ ...tools, connect }, { limitSeconds: 100, signal: abort.signal }),
    );
    expect(run).toMatchObject({ code: "kubelet-restart", done: TAKEN_BACK, seconds: 46 });
  });
});

describe("restartWithoutFlags", () => {
  const REMOVED = { steps: ADDED.steps };
  it.each<[what: string, disconnects: Partial<NodeResult>, kubelet: Kubelet, keepsFlags: boolean, expected: object]>([
    ["runs without them", { ...REMOVED }, {}, false, { code: "ok", done: ["disconnect", ...RESTART], seconds: 32 }],
    ["never had them", {}, {}, false, { code: "ok", done: ["disconnect"] }],
    ["still runs with them", {}, {}, true, { code: "ok", done: ["disconnect", ...RESTART] }],
    ["crashes", REMOVED, { runsFor: 20 }, false, { code: "kubelet-unseen", done: ["disconnect", ...RESTART] }],
    ["waits", REMOVED, { startsAfter: 500 }, false, { code: "kubelet-unseen", done: ["disconnect", ...RESTART] }],
    ["cannot lose them", { ok: false, code: "restore" }, {}, true, { code: "restore", done: ["disconnect"] }],
  ])("takes the flags away, restarts, and has no way back, when the kubelet %s", async (...row) => {
    const [, disconnects, kubelet, keepsFlags, expected] = row;
    const node = nodeWith({ ...kubelet, disconnects });
    const run = await node.run((tools) =>
      restartWithoutFlags({ ...tools, keepsFlags: async () => keepsFlags }, DEFAULT),
    );
    expect(run).toMatchObject(expected);
  });
});
