import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import type { Lack } from "./lacks.ts";
import { type Group, summarize, type TestCase } from "./summary.ts";

const INSTALLED = ["go", "skopeo"];
const MAIN = join(import.meta.dirname, "main.ts");

const test = (status: TestCase["status"], ...titles: string[]): TestCase => ({ file: "a.test.ts", titles, status });
const groupOf = (changes: Partial<Group>): Group => ({
  ...{ name: "cluster", hasTests: true, statuses: [0], lacks: [], tests: [test("passed", "works")] },
  ...changes,
});
/** The lines of one group, and whether the run is red. */
function tell(changes: Partial<Group>, required: readonly string[] = []) {
  const isInstalled = (program: string) => INSTALLED.includes(program);
  const { lines, isRed } = summarize([groupOf(changes)], { required, isInstalled });
  return { line: lines.at(-2), count: lines.at(-1), isRed };
}
const notStarted = (lack: Lack): Partial<Group> => ({ statuses: [1], lacks: [lack], tests: [] });

describe("summarize", () => {
  it("counts tests, and names those that failed", () => {
    const tests = [test("passed", "a"), test("failed", "the group", "b"), test("skipped", "c (skipped: a short run)")];
    expect(summarize([groupOf({ tests, statuses: [1] })], { required: [], isInstalled: () => false })).toEqual({
      lines: [
        "failed: a.test.ts: the group > b",
        "cluster: tests run: 2; not run: a short run (1 skipped)",
        "1 passed, 1 failed, 1 skipped",
      ],
      isRed: true,
    });
  });

  // Red if OCIR_BROKER_REQUIRE has the group, or always, or never.
  it.each<[what: string, changes: Partial<Group>, line: string, red: "always" | "if required" | "never"]>([
    [
      "no control groups",
      notStarted({ cause: "machine", reason: "needs control groups of version 1" }),
      "cluster: did not run; not run: needs control groups of version 1",
      "if required",
    ],
    [
      "a build that is too slow",
      notStarted({ cause: "time", reason: "Kubernetes 1.37 is not built: the time was over" }),
      "cluster: did not run; not run: Kubernetes 1.37 is not built: the time was over",
      "if required",
    ],
    [
      "a mirror that does not have it",
      { lacks: [{ cause: "network", reason: "CRI-O is not built" }] },
      "cluster: tests run: 1; not run: CRI-O is not built",
      "if required",
    ],
    [
      "a build that ended with an error of its own",
      notStarted({ cause: "error", reason: "Kubernetes 1.37 is not built: go build failed" }),
      "cluster: did not run; RED: Kubernetes 1.37 is not built: go build failed",
      "always",
    ],
    [
      "a test without its program",
      { tests: [test("skipped", "tools (skipped: needs skopeo, docker-registry)", "a")] },
      "cluster: did not run; not run: needs skopeo, docker-registry (1 skipped)",
      "if required",
    ],
    [
      "an installed program that was not used",
      { tests: [test("skipped", "b (skipped: needs go (golang))"), test("passed", "c")] },
      "cluster: tests run: 1; RED: needs go (golang), which is installed and was not used (1 skipped)",
      "always",
    ],
    [
      "a build of the C programs",
      { tests: [test("skipped", "the shim (sanitized, skipped: needs a gcc with sanitizers)", "a")] },
      "cluster: did not run; not run: needs a gcc with sanitizers (1 skipped)",
      "if required",
    ],
    [
      "a reason for its skipped tests",
      { tests: [test("skipped", "a"), test("skipped", "b")] },
      "cluster: did not run; not run: no reason is given (2 skipped)",
      "if required",
    ],
    [
      "time, by choice",
      { tests: [test("skipped", "a (skipped: a short run)")] },
      "cluster: did not run; not run: a short run (1 skipped)",
      "never",
    ],
    ["an explanation of its status", { statuses: [0, 7] }, "cluster: tests run: 1; RED: ended with status 7", "always"],
    [
      "a part of it, which does not explain its status",
      { statuses: [7], lacks: [{ cause: "network", reason: "CRI-O is not built" }] },
      "cluster: tests run: 1; RED: ended with status 7; not run: CRI-O is not built",
      "always",
    ],
    ["tests", { tests: [] }, "cluster: did not run; RED: has no test", "always"],
    ["a start", { statuses: [], tests: [] }, "cluster: did not run; RED: was not started", "always"],
  ])("says that a group lacks %s", (_what, changes, line, red) => {
    expect(tell(changes)).toMatchObject({ line, isRed: red === "always" });
    const required = tell(changes, ["unit", "cluster"]);
    expect(required.isRed).toBe(red !== "never");
    // A run that is red never counts 0 failures.
    expect(required.count).toMatch(required.isRed ? /, [12] failed,/ : /, 0 failed,/);
  });

  it("takes a test as run if one run of the group ran it", () => {
    const shim = ["the shim (release, skipped: needs root)", "a"];
    const tests = [
      ...[test("passed", "as root"), test("skipped", "as root (skipped: needs root)")],
      ...[test("passed", "the shim (release)", "a"), test("skipped", ...shim)],
    ];
    expect(tell({ tests }, ["cluster"])).toEqual({
      line: "cluster: tests run: 2",
      count: "2 passed, 0 failed, 2 skipped",
      isRed: false,
    });
  });
});

describe("main.ts", () => {
  const report = (folder: string, status: "passed" | "skipped", title: string) => ({
    testResults: ["packages/a/a.test.ts", "test/b.test.ts"].map((file) => ({
      name: `${folder}/${file}`,
      status: "passed",
      message: "",
      assertionResults: [{ status, ancestorTitles: ["a"], title }],
    })),
  });

  it("reads the runs of each group, in any folder, and what kept it from running", () => {
    const folder = temporaryFolder();
    const write = (name: string, content: unknown) =>
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    write("test.json", report("/checkout", "passed", "b"));
    write("test.status", "0\n");
    write("test-as-user.json", report("/tmp/copy/checkout", "skipped", "b (skipped: needs root)"));
    write("test-as-user.status", "0\n");
    write("check.status", "0\n");
    write("cluster.status", "1\n");
    write("cluster.lacks", "network Kubernetes 1.37 is not built: no such host\n");
    const run = (required: string) =>
      spawnSync(process.execPath, [MAIN, folder, "unit", "check", "cluster"], {
        encoding: "utf8",
        env: { PATH: process.env["PATH"], OCIR_BROKER_REQUIRE: required },
      });
    const lines = ["unit: tests run: 2", "check: passed"];
    const reason = "Kubernetes 1.37 is not built: no such host";
    expect(run("unit")).toMatchObject({
      stdout: `${[...lines, `cluster: did not run; not run: ${reason}`, "2 passed, 0 failed, 2 skipped"].join("\n")}\n`,
      status: 0,
    });
    expect(run("unit,cluster")).toMatchObject({
      stdout: `${[...lines, `cluster: did not run; RED: ${reason}`, "2 passed, 1 failed, 2 skipped"].join("\n")}\n`,
      status: 1,
    });
  });
});
