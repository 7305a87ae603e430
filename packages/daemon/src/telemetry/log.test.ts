import { inspect } from "node:util";
import { codeOf, describeError } from "@ocir-broker/errors/describe-error";
import { Secret } from "@ocir-broker/foundation/secret";
import { UpstreamError } from "@ocir-broker/foundation/upstream";
import { describe, expect, it } from "vitest";
import { createLog } from "./log.ts";

function setUp(environment: Record<string, string> = {}) {
  const lines: string[] = [];
  const log = createLog({ level: "trace", environment, stream: { write: (line) => void lines.push(line) } });
  return { log, lines };
}

describe("createLog", () => {
  it("prefixes journald's priority, and leaves the time to journald", () => {
    const { log, lines } = setUp({ JOURNAL_STREAM: "8:1" });
    for (const level of ["trace", "debug", "info", "warn", "error", "fatal"] as const) log[level]({ a: 1 }, "said");
    expect(lines).toEqual([
      '<7>{"level":"trace","a":1,"msg":"said"}\n',
      '<7>{"level":"debug","a":1,"msg":"said"}\n',
      '<6>{"level":"info","a":1,"msg":"said"}\n',
      '<4>{"level":"warn","a":1,"msg":"said"}\n',
      '<3>{"level":"error","a":1,"msg":"said"}\n',
      '<2>{"level":"fatal","a":1,"msg":"said"}\n',
    ]);
  });

  it("writes plain JSON with the time when stderr is not journald", () => {
    const { log, lines } = setUp();
    log.info("said");
    expect(JSON.parse(lines[0] ?? "")).toEqual({ level: "info", time: expect.stringMatching(/Z$/), msg: "said" });
  });

  it("shows neither a secret nor the message of a foreign error", () => {
    const { log, lines } = setUp();
    const cause = Object.assign(new Error("header Bearer canary is bad"), { code: "ERR_X", headers: "canary" });
    log.error({ token: new Secret("canary"), error: new UpstreamError("tls", "iad.ocir.io", { cause }) }, "failed");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      token: "[redacted]",
      error: {
        name: "UpstreamError",
        code: "tls",
        message: "iad.ocir.io: tls",
        cause: { name: "Error", code: "ERR_X" },
      },
    });
    expect(lines.join()).not.toContain("canary");
  });
});

describe("describeError", () => {
  it.each([
    ["text", { name: "string" }],
    [undefined, { name: "undefined" }],
    [new TypeError("quotes a key"), { name: "TypeError" }],
    [Object.assign(new Error("x"), { code: 7 }), { name: "Error" }],
  ])("keeps only the kind of %o", (error, described) => {
    expect(describeError(error)).toEqual(described);
  });

  it("stops at an endless chain of causes", () => {
    const error: Error = new Error("round");
    error.cause = error;
    expect(inspect(describeError(error), { depth: 9 }).match(/cause/g)).toHaveLength(4);
  });
});

it.each([
  [new UpstreamError("tls", "x"), "tls"],
  [new Error("x"), "unknown"],
  ["text", "unknown"],
])("codeOf maps %o to %s", (error, code) => {
  expect(codeOf(error)).toBe(code);
});
