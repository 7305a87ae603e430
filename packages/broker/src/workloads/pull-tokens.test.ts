import { Secret } from "@ocir-broker/foundation";
import { createFakeClock } from "@ocir-broker/testkit";
import { describe, expect, it, vi } from "vitest";
import { codeOf } from "../errors/describe-error.ts";
import { createPullTokens, type PullTokensOptions } from "./pull-tokens.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const HOST = "iad.ocir.io";
const POD = { token: new Secret("e.e.s"), annotations: {} };
const ANNOTATION = "ocir-broker/identity";

function setUp(changed: Partial<PullTokensOptions["settings"]> = {}, hasExchange = true) {
  const clock = createFakeClock();
  const answerOf = (text: string) =>
    vi.fn(async (_host: string, ..._rest: unknown[]) => ({
      entry: { value: new Secret(text), obtainedAtMs: 0, expiresAtMs: 1 },
      outcome: "hit" as const,
    }));
  const node = answerOf("the node's");
  const own = answerOf("its own");
  const settings = { select: "all", annotation: ANNOTATION, fallback: "none", ...changed } as const;
  const pulls = createPullTokens({
    clock,
    settings,
    tokens: { get: node },
    workloads: hasExchange ? { get: own } : undefined,
  });
  return {
    clock,
    node,
    own,
    get: (pod?: typeof POD) => pulls.get(HOST, pod, { deadlineAtMs: clock.monotonicMs() + 9_000 }),
  };
}

describe("createPullTokens", () => {
  it.each([
    ["a pod without a token", {}, undefined, "node"],
    ["every pod with one", {}, POD, "service-account"],
    ["a service account that has not opted in", { select: "annotated" }, POD, "node"],
    [
      "one with the other's annotation",
      { select: "annotated" },
      { ...POD, annotations: { identity: "workload" } },
      "node",
    ],
    ["one that opted out", { select: "annotated" }, { ...POD, annotations: { [ANNOTATION]: "node" } }, "node"],
    [
      "one that opted in",
      { select: "annotated" },
      { ...POD, annotations: { [ANNOTATION]: "workload" } },
      "service-account",
    ],
    [
      "one that opted in by another name",
      { select: "annotated", annotation: "identity" },
      { ...POD, annotations: { identity: "workload" } },
      "service-account",
    ],
  ] as const)("takes for %s (%o) the right identity", async (_name, settings, pod, identity) => {
    const { get } = setUp(settings);
    const { entry, ...rest } = await get(pod);
    expect(rest).toEqual({ identity, outcome: "hit" });
    expect(entry.value.reveal()).toBe(identity === "node" ? "the node's" : "its own");
  });

  it.each([
    ["there is no exchange", {}, false, POD, "service-accounts-off"],
    [
      "the annotation is misspelt",
      { select: "annotated" },
      true,
      { ...POD, annotations: { [ANNOTATION]: "Workload" } },
      "annotation-unknown",
    ],
    [
      "the annotation is misspelt, whatever the fallback",
      { select: "annotated", fallback: "node" },
      true,
      { ...POD, annotations: { [ANNOTATION]: "" } },
      "annotation-unknown",
    ],
  ] as const)("gives no token if %s", async (_name, settings, hasExchange, pod, code) => {
    const { get, node } = setUp(settings, hasExchange);
    await expect(get(pod)).rejects.toMatchObject({ code });
    expect(node).not.toHaveBeenCalled();
  });

  it("gives no token if the exchange fails, and the node's only if the configuration allows it", async () => {
    const refused = Object.assign(new Error(), { code: "workload-cluster-basic" });
    const closed = setUp();
    closed.own.mockRejectedValue(refused);
    await expect(closed.get(POD)).rejects.toBe(refused);
    expect(closed.node).not.toHaveBeenCalled();

    const open = setUp({ fallback: "node" });
    open.own.mockImplementation(async () => {
      await open.clock.advance(4_000);
      throw refused;
    });
    const { identity, failure } = await open.get(POD);
    expect([identity, codeOf(failure)]).toEqual(["node", "workload-cluster-basic"]);
    expect(open.node).toHaveBeenCalledExactlyOnceWith(HOST, { waitMs: 5_000 });
  });
});
