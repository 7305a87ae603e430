import { codeOf } from "@ocir-broker/errors/describe-error";
import { Secret } from "@ocir-broker/foundation/secret";
import { createFakeClock } from "@ocir-broker/testkit/fake-clock";
import { describe, expect, it, vi } from "vitest";
import { createPullTokens, type PullTokensOptions } from "./pull-tokens.ts";

/** On a fake clock nothing takes long: a promise that never settles fails soon. */
vi.setConfig({ testTimeout: 10_000 });

const HOST = "iad.ocir.io";
const POD = { token: new Secret("e.e.s"), annotations: {} };
const ANNOTATION = "ocir-broker/identity";
const ANNOTATED = { select: "annotated" } as const;

function setUp(changed: Partial<PullTokensOptions["settings"]> = {}, hasExchange = true) {
  const clock = createFakeClock();
  const resultOf = (text: string) =>
    vi.fn(async (_host: string, ..._rest: unknown[]) => ({
      entry: { value: new Secret(text), obtainedAtMs: 0, expiresAtMs: 1 },
      outcome: "hit" as const,
    }));
  const node = resultOf("node");
  const own = resultOf("service-account");
  const settings = { select: "all", annotation: ANNOTATION, fallback: "none", ...changed } as const;
  const serviceAccounts = hasExchange ? { get: own } : undefined;
  const pulls = createPullTokens({ clock, settings, tokens: { get: node }, serviceAccounts });
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
    ["a pod with a token", {}, {}, "service-account"],
    ["no annotation", ANNOTATED, {}, "node"],
    ["another annotation", ANNOTATED, { identity: "service-account" }, "node"],
    ["the annotation to opt out", ANNOTATED, { [ANNOTATION]: "node" }, "node"],
    ["the annotation to opt in", ANNOTATED, { [ANNOTATION]: "service-account" }, "service-account"],
    [
      "an annotation with another configured name",
      { ...ANNOTATED, annotation: "identity" },
      { identity: "service-account" },
      "service-account",
    ],
  ] as const)("takes for %s (%o) the right identity", async (_name, settings, annotations, identity) => {
    const { entry, ...rest } = await setUp(settings).get(annotations && { ...POD, annotations });
    expect(rest).toEqual({ identity, outcome: "hit" });
    expect(entry.value.reveal()).toBe(identity);
  });

  it.each([
    ["there is no token exchange", {}, false, {}, "service-accounts-off"],
    ["the annotation is misspelt", ANNOTATED, true, { [ANNOTATION]: "Service-account" }, "annotation-unknown"],
    ["the annotation is empty", { ...ANNOTATED, fallback: "node" }, true, { [ANNOTATION]: "" }, "annotation-unknown"],
  ] as const)(
    "gives no token if %s, whatever the fallback",
    async (_name, settings, hasExchange, annotations, code) => {
      const { get, node } = setUp(settings, hasExchange);
      await expect(get({ ...POD, annotations })).rejects.toMatchObject({ code });
      expect(node).not.toHaveBeenCalled();
    },
  );

  it("returns no token if the token exchange fails, unless the configuration allows the node's token", async () => {
    const refused = Object.assign(new Error(), { code: "cluster-basic" });
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
    expect([identity, codeOf(failure)]).toEqual(["node", "cluster-basic"]);
    expect(open.node).toHaveBeenCalledExactlyOnceWith(HOST, { waitMs: 5_000 });
  });
});
