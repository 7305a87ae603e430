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
const FACTS = { mode: "install", mayRestart: true, revision: "1", holdsLease: true } as const;
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
  ["shows what is installed", NOTHING, {}, {}, { kind: "show", state: "installed", isTried: false }],
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
  ["goes on when a failed node is cordoned", {}, { ...tried("failed"), ...CORDON }, {}, { kind: "skip" }],
  [
    "goes on when a failed node is repaired, whose try is used",
    NOTHING,
    tried("failed"),
    {},
    { state: "installed", isTried: true },
  ],
  ["but not before it is Ready", NOTHING, UNREADY, {}, { kind: "hold" }],
  ["or it is cordoned", NOTHING, { ...UNREADY, ...CORDON }, {}, { kind: "skip", why: CORDONED }],
  ["or a person requests it", NOTHING, { ...UNREADY, isRetryAsked: true }, {}, { kind: "forget" }],
  ["tries a failed node again for a person", {}, { ...tried("failed"), isRetryAsked: true }, {}, { kind: "forget" }],
  ["tries a failed node again for another template", {}, tried("failed", { revision: "0" }), {}, { kind: "restart" }],
  ["repeats a restart that was not made", {}, tried("restart"), {}, { kind: "restart", begun: { hadFlags: false } }],
  ["repeats it, with flags that were added", EARLIER, tried("restart"), {}, { begun: { hadFlags: false } }],
  ["continues a restart on a cordoned node", {}, { ...tried("restart"), ...CORDON }, {}, { kind: "restart" }],
  ["does the rest of a restart that was made", { ...NOTHING, ...LATER }, tried("restart"), {}, { kind: "restart" }],
  [
    "waits for its node with another template too",
    { ...NOTHING, ...LATER },
    tried("restart", { revision: "0" }),
    {},
    { kind: "restart", begun: { revision: "1", startMs: START_MS, hadFlags: false } },
  ],
  [
    "but installs that first",
    { ...NOTHING, ...LATER, isAsWanted: false },
    tried("restart", { revision: "0" }),
    {},
    { kind: "install" },
  ],
  [
    "and restarts nothing with never",
    { ...NOTHING, ...LATER },
    tried("restart", { revision: "0" }),
    { mayRestart: false },
    { kind: "show", state: "installed", isTried: false },
  ],
  [
    "forgets it once the node is Ready",
    { ...NOTHING, ...LATER },
    { ...tried("restart", { revision: "0" }), heartbeatMs: START_MS + 9_000 },
    {},
    { kind: "show", state: "installed", isTried: false },
  ],
  [
    "blames no kubelet for a status that cannot be read",
    { ...LOST, ...LATER },
    tried("restart"),
    {},
    { kind: "install" },
  ],
  ["goes back if a pod was killed", { ...EARLIER, ...LATER }, tried("restart"), {}, { begun: { step: "back" } }],
  [
    "leaves flags of an earlier try",
    { ...EARLIER, ...LATER },
    tried("restart", { hadFlags: true }),
    {},
    { kind: "fail" },
  ],
  ["fails if all was taken back", LATER, tried("restart"), {}, { kind: "fail" }],
  ["does the rest of a way back", LATER, tried("back"), {}, { kind: "back", begun: { step: "back" } }],
  ["removes", {}, {}, REMOVE, { kind: "remove" }],
  ["removes from a node that is switched off", { isDisabled: true }, {}, REMOVE, { kind: "remove" }],
  ["removes the flags first", ADDED, {}, REMOVE, { kind: "restart" }],
  ["removes them with the rest with never", ADDED, {}, { ...REMOVE, mayRestart: false }, { kind: "remove" }],
  ["does the rest of a restart without flags", LATER, tried("restart"), REMOVE, { kind: "restart" }],
  ["removes then", LATER, tried("done"), REMOVE, { kind: "remove" }],
  ["removes if others have the flags' file", ADDED, tried("done"), REMOVE, { kind: "remove" }],
  ["shows what is removed", LOST, {}, REMOVE, { kind: "show", state: "removed" }],
  ["shows it after a try", { ...LOST, ...LATER }, tried("restart"), REMOVE, { kind: "show", state: "removed" }],
])("decide %s", (_, node, report, facts, action) => {
  expect(decide({ ...FACTS, ...facts, node: { ...NODE, ...node }, report: { ...REPORT, ...report } })).toMatchObject(
    action,
  );
});
