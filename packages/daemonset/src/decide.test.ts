import { expect, test } from "vitest";
import {
  type Action,
  CORDONED,
  DISABLED,
  decide,
  type Facts,
  type NodeFacts,
  type NodeReport,
  type Try,
  USED,
} from "./decide.ts";

const START_MS = 1_000_000;
const NODE: NodeFacts = {
  isDisabled: false,
  isThere: true,
  isAsWanted: true,
  need: { kind: "flags", why: "none", change: { file: "/f", line: "" } },
  flags: { config: "/c", binDir: "/b" },
  flagsIn: undefined,
  kubeletStartMs: START_MS,
  version: "1.2.3",
  summary: "",
};
const REPORT: NodeReport = {
  isCordoned: false,
  isReady: true,
  heartbeatMs: START_MS,
  isRetryAsked: false,
  lastTry: undefined,
};
const FACTS = { mode: "install", mayRestart: true, revision: "1", holdsLease: true, isEnding: false } as const;
const NOTHING = { need: { kind: "nothing" } } as const;
const CONFIGURATION = { need: { kind: "restart", because: "configuration" } } as const;
const ADDED = { flagsIn: "/f" };
const EARLIER = { flagsIn: "/f", need: { kind: "restart", because: "flags" } } as const;
const LATER = { kubeletStartMs: START_MS + 9_000 };
const tried = (step: Try["step"], more: Partial<Try> = {}): Partial<NodeReport> => ({
  lastTry: { revision: "1", step, startMs: START_MS, hadFlags: false, ...more },
});
const UNREADY = { ...tried("failed"), isReady: false };
const LOST = { isThere: false, isAsWanted: false, need: undefined, flags: undefined };
const CORDON = { isCordoned: true };
const REMOVE = { mode: "remove" } as const;

type Row = readonly [
  what: string,
  node: Partial<NodeFacts>,
  report: Partial<NodeReport>,
  facts: Partial<Facts>,
  action: Partial<Action> | object,
];

test.each<Row>([
  ["installs on a node without it", LOST, {}, {}, { kind: "install" }],
  ["installs over another version", { isAsWanted: false }, {}, {}, { kind: "install" }],
  ["takes the Lease first", LOST, {}, { holdsLease: false }, { kind: "take-lease" }],
  ["begins nothing when its pod is deleted", LOST, {}, { isEnding: true }, { kind: "end", releases: true }],
  ["shows what is installed", NOTHING, {}, {}, { kind: "show", state: "installed", lastTry: undefined }],
  ["shows it without the Lease", NOTHING, {}, { holdsLease: false }, { kind: "show", state: "installed" }],
  ["shows it on a cordoned node", NOTHING, CORDON, {}, { kind: "show", state: "installed" }],
  ["installs no second time for a person's change", { need: { kind: "outdated" } }, {}, {}, { state: "installed" }],
  ["leaves a cordoned node for later", {}, CORDON, {}, { kind: "skip", why: CORDONED }],
  ["leaves a node that is switched off", { ...NOTHING, isDisabled: true }, {}, {}, { kind: "skip", why: DISABLED }],
  ["restarts for flags", {}, {}, {}, { kind: "restart", begun: { hadFlags: false, startMs: START_MS } }],
  ["restarts for the configuration", CONFIGURATION, {}, {}, { kind: "restart" }],
  ["restarts for flags of an earlier try, which stay", EARLIER, {}, {}, { kind: "restart", begun: { hadFlags: true } }],
  ["restarts for flags that the unit has lost, which are its own", ADDED, {}, {}, { begun: { hadFlags: false } }],
  ["restarts nothing with never", {}, {}, { mayRestart: false }, { kind: "show", state: "needs-flags" }],
  ["shows what a person must do", { need: { kind: "by-hand", why: "none" } }, {}, {}, { state: "needs-flags" }],
  ["restarts once for each template", CONFIGURATION, tried("done"), {}, { state: "needs-restart", why: USED }],
  ["restarts again for another template", {}, tried("done", { revision: "0" }), {}, { kind: "restart" }],
  ["restarts again for a person", CONFIGURATION, { ...tried("done"), isRetryAsked: true }, {}, { kind: "forget" }],
  ["stops after a failure", {}, tried("failed"), {}, { kind: "hold" }],
  ["stops after a failed installation", LOST, tried("failed"), {}, { kind: "hold" }],
  [
    "keeps the Lease of a failed node whose pod is deleted",
    {},
    tried("failed"),
    { isEnding: true },
    { releases: false },
  ],
  ["goes on when a failed node is cordoned", {}, { ...tried("failed"), ...CORDON }, {}, { kind: "skip" }],
  [
    "goes on when a failed node is repaired, whose try is used",
    NOTHING,
    tried("failed"),
    {},
    { state: "installed", lastTry: { revision: "1", step: "done" } },
  ],
  ["but not before it is Ready", NOTHING, UNREADY, {}, { kind: "hold" }],
  ["or it is cordoned", NOTHING, { ...UNREADY, ...CORDON }, {}, { kind: "skip", why: CORDONED }],
  ["or a person requests it", NOTHING, { ...UNREADY, isRetryAsked: true }, {}, { kind: "forget" }],
  ["tries a failed node again for a person", {}, { ...tried("failed"), isRetryAsked: true }, {}, { kind: "forget" }],
  ["tries a failed node again for another template", {}, tried("failed", { revision: "0" }), {}, { kind: "restart" }],
  ["repeats a restart that was not made", {}, tried("restart"), {}, { kind: "restart", begun: { hadFlags: false } }],
  ["repeats it, with flags that were added", EARLIER, tried("restart"), {}, { begun: { hadFlags: false } }],
  ["continues a restart on a cordoned node", {}, { ...tried("restart"), ...CORDON }, {}, { kind: "restart" }],
  ["waits for the node after a restart", { ...NOTHING, ...LATER }, tried("restart"), {}, { kind: "watch" }],
  [
    "waits for it with another template too",
    { ...NOTHING, ...LATER },
    tried("restart", { revision: "0" }),
    {},
    { kind: "watch", begun: { revision: "1", hadFlags: false } },
  ],
  [
    "but installs that first",
    { ...NOTHING, ...LATER, isAsWanted: false },
    tried("restart", { revision: "0" }),
    {},
    { kind: "install" },
  ],
  [
    "and takes no flags back with never",
    { ...NOTHING, ...LATER },
    tried("restart", { revision: "0" }),
    { mayRestart: false },
    { kind: "watch", begun: { hadFlags: true } },
  ],
  [
    "does not take an old heartbeat for the new kubelet's",
    { ...NOTHING, ...LATER },
    { ...tried("restart"), heartbeatMs: START_MS + 8_000 },
    {},
    { kind: "watch" },
  ],
  [
    "ends a try when the node is Ready",
    { ...NOTHING, ...LATER },
    { ...tried("restart"), heartbeatMs: START_MS + 9_000 },
    {},
    { kind: "show", state: "installed", lastTry: { revision: "1", step: "done" } },
  ],
  [
    "blames no kubelet for a status that cannot be read",
    { ...LOST, ...LATER },
    tried("restart"),
    {},
    { kind: "install" },
  ],
  ["goes back if a pod was killed", { ...EARLIER, ...LATER }, tried("restart"), {}, { kind: "back" }],
  [
    "leaves flags of an earlier try",
    { ...EARLIER, ...LATER },
    tried("restart", { hadFlags: true }),
    {},
    { kind: "fail" },
  ],
  ["fails if all was taken back", LATER, tried("restart"), {}, { kind: "fail" }],
  ["keeps the Lease of a begun try", LATER, tried("restart"), { isEnding: true }, { kind: "end", releases: false }],
  ["repeats a way back that was not made", { ...EARLIER, ...ADDED }, tried("back"), {}, { kind: "back" }],
  ["goes back if only systemd has restarted it", { ...EARLIER, ...LATER }, tried("back"), {}, { kind: "back" }],
  ["fails after the way back", LATER, tried("back"), {}, { kind: "fail" }],
  ["removes", {}, {}, REMOVE, { kind: "remove" }],
  ["removes from a node that is switched off", { isDisabled: true }, {}, REMOVE, { kind: "remove" }],
  ["removes the flags first", ADDED, {}, REMOVE, { kind: "restart" }],
  ["removes them with the rest with never", ADDED, {}, { ...REMOVE, mayRestart: false }, { kind: "remove" }],
  ["waits for the node without flags", LATER, tried("restart"), REMOVE, { kind: "watch" }],
  ["removes then", LATER, { ...tried("restart"), heartbeatMs: START_MS + 9_000 }, REMOVE, { kind: "remove" }],
  ["removes if others have the flags' file", ADDED, tried("restart", { isOff: true }), REMOVE, { kind: "remove" }],
  [
    "takes the flags away if only systemd has restarted it",
    { ...ADDED, ...LATER },
    tried("restart"),
    REMOVE,
    { kind: "restart" },
  ],
  ["shows what is removed", LOST, {}, REMOVE, { kind: "show", state: "removed" }],
  ["shows it after a try", { ...LOST, ...LATER }, tried("restart"), REMOVE, { kind: "show", state: "removed" }],
])("decide %s", (_, node, report, facts, action) => {
  expect(decide({ ...FACTS, ...facts, node: { ...NODE, ...node }, report: { ...REPORT, ...report } })).toMatchObject(
    action,
  );
});
