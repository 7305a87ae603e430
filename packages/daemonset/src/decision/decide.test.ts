import { expect, test } from "vitest";
import { decide, type Facts } from "./decide.ts";
import { noTries, type Tries } from "./tries.ts";

const NOW_MS = Date.parse("2026-01-02T00:00:00Z");
const FACTS: Facts = {
  nowMs: NOW_MS,
  waitMs: 180_000,
  isCordonedByUs: false,
  todo: "restart",
  isNamedPodThere: false,
};
const CORDONED = { isCordonedByUs: true };
const ago = (...minutes: number[]) => minutes.map((each) => NOW_MS - each * 60_000);
const in20 = NOW_MS + 20 * 60_000;

test.each<readonly [title: string, tries: Partial<Tries>, facts: Partial<Facts>, next: object]>([
  ["works on a node on which nothing was tried", {}, {}, { kind: "work" }],
  ["goes on with a wait that a killed pod began", { waits: ago(1) }, CORDONED, { kind: "work" }],
  ["uncordons when the wait of a killed pod is over", { waits: ago(4) }, CORDONED, { kind: "uncordon" }],
  ["uncordons when the wait was forgotten", {}, CORDONED, { kind: "uncordon" }],
  ["uncordons a node that needs no restart", { waits: ago(1) }, { ...CORDONED, todo: "nothing" }, { kind: "uncordon" }],
  ["uncordons a failed node", { waits: ago(1), failures: ago(9) }, CORDONED, { kind: "uncordon" }],
  ["keeps a node failed for half an hour", { failures: ago(10) }, {}, { kind: "failed", againAtMs: in20 }],
  ["tries a failed node again", { failures: ago(31) }, {}, { kind: "work" }],
  ["asks for a person after two failures", { failures: ago(99, 60) }, {}, { kind: "failed", againAtMs: undefined }],
  [
    "keeps a failed node failed while it may not be restarted",
    { failures: ago(31), restarts: ago(1_420, 60, 31) },
    {},
    { kind: "failed", againAtMs: in20 },
  ],
  ["installs on a node that may not be restarted", { restarts: ago(3, 2, 1) }, { todo: "command" }, { kind: "work" }],
  ["waits for half an hour after a first wait", { waits: ago(32) }, {}, { kind: "rest" }],
  ["waits again after it", { waits: ago(34) }, {}, { kind: "work" }],
  ["waits for an hour after a second one", { waits: ago(90, 62) }, {}, { kind: "rest" }],
  ["stays after a third one", { waits: ago(300, 200, 100) }, { isNamedPodThere: true }, { kind: "rest" }],
  ["waits again when the pods of the third one are gone", { waits: ago(300, 200, 100) }, {}, { kind: "work" }],
])("decide %s", (_, tries, facts, next) => {
  expect(decide({ ...noTries("1"), ...tries }, { ...FACTS, ...facts })).toMatchObject(next);
});
