import fs from "node:fs";
import sea from "node:sea";
import { InstallError } from "@ocir-broker/installer/install-error";
import type { NodeResult } from "@ocir-broker/protocol/node-result";
import { describe, expect, it, test, vi } from "vitest";
import { runCaptured, runCommand } from "../test/command-run.ts";
import { expectOwnArchive } from "./commands/node.ts";
import { type OutputOption, printDryRun, runNodeCommand } from "./node-command.ts";

test.each(["disable", "enable", "node install", "node remove"])(
  "ocir-broker %s refuses a user who is not root",
  async (words) => {
    using _user = vi.spyOn(process, "geteuid").mockReturnValue(1_000);
    expect(await runCommand(...words.split(" "))).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: "ocir-broker: not-root: run it as root\n",
    });
  },
);

test("expectOwnArchive says that there is no archive", () => {
  using _sea = vi.spyOn(sea, "isSea").mockReturnValue(true);
  expect(() => expectOwnArchive("/no/such/folder")).toThrow(/^\/no\/such\/folder\/.* cannot be found or read$/);
});

describe("runNodeCommand", () => {
  const result: NodeResult = {
    ok: true,
    version: "1.2.3",
    steps: [
      { name: "plugin", state: "done" },
      { name: "/etc/d.yaml", state: "changed since" },
    ],
    flags: { config: "/etc/c.yaml", binDir: "/opt/of ours" },
    flagsIn: "/etc/default/kubelet",
    kubelet: { kind: "nothing" },
  };

  function run(
    output: OutputOption["output"],
    work: (signal: AbortSignal) => Promise<NodeResult>,
    kubeletArgs?: string,
  ) {
    using _user = vi.spyOn(process, "geteuid").mockReturnValue(0);
    return runCaptured(() => runNodeCommand({ output, kubeletArgs }, (_context, signal) => work(signal)));
  }

  it("prints what was done, and what the kubelet needs", async () => {
    expect(await run("text", async () => result)).toEqual({
      exitCode: 0,
      stderr: "",
      stdout: `version 1.2.3
done: plugin
changed since: /etc/d.yaml
the kubelet's flags were added to /etc/default/kubelet
kubelet: nothing to do: it has the flags, and has read /etc/c.yaml as it is
`,
    });
  });

  it("prints only the steps, and no flags, if the kubelet was not examined", async () => {
    const { flags: _flags, flagsIn: _in, kubelet: _kubelet, ...rest } = result;
    expect((await run("text", async () => rest)).stdout).toBe(
      "version 1.2.3\ndone: plugin\nchanged since: /etc/d.yaml\n",
    );
    expect((await run("flags", async () => rest)).stdout).toBe("");
  });

  it("says that the node is switched off", async () => {
    using _off = vi.spyOn(fs, "lstatSync").mockReturnValue(fs.lstatSync("/"));
    const { stdout } = await run("text", async () => ({ ok: true, version: "1.2.3", steps: [] }));
    expect(stdout).toBe("version 1.2.3\nswitched off; to switch it on: ocir-broker enable\n");
  });

  it("prints each kind of step once, and at the end the files that stay", async () => {
    const steps = ["plugin", "programs", "programs"].map((name) => ({ name, state: "done" as const }));
    const left = [{ path: "/etc/c.yaml", why: "a kubelet still names it" }];
    expect(await run("text", async () => ({ ok: true, version: "1.2.3", steps, left, isPackage: true }))).toEqual({
      exitCode: 0,
      stdout: "version 1.2.3\ndone: plugin\ndone: programs\nthe package stays: remove it with apt-get or dnf\n",
      stderr: "ocir-broker: /etc/c.yaml stays: a kubelet still names it\n",
    });
  });

  it.each([
    ["", "--image-credential-provider-config=/etc/c.yaml '--image-credential-provider-bin-dir=/opt/of ours' "],
    ["--image-credential-provider-bin-dir=/b --v=2", "--image-credential-provider-config=/etc/c.yaml "],
    ["--image-credential-provider-bin-dir=/b --image-credential-provider-config=/c", ""],
  ])("prints the flags that the arguments %j lack, and the Node's labels", async (kubeletArgs, flags) => {
    expect((await run("flags", async () => result, kubeletArgs)).stdout).toBe(
      `${flags}--node-labels=ocir-broker/state=bootstrapped,ocir-broker/version=1.2.3\n`,
    );
  });

  it("prints a failure as JSON, and its reason in one line", async () => {
    const work = () => Promise.reject(new InstallError("plugin", "it said:\n  nothing"));
    const { exitCode, stdout, stderr } = await run("json", work);
    expect([exitCode, stderr]).toEqual([1, "ocir-broker: plugin: it said: nothing\n"]);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, code: "plugin", reason: "it said: nothing" });
  });

  it.each([
    ["unfinished", 75],
    ["disk", 1],
  ] as const)("exits with the status for %s", async (code, status) => {
    const work = () => Promise.reject(new InstallError(code, "a reason"));
    expect(await run("text", work)).toEqual({
      exitCode: status,
      stdout: "",
      stderr: `ocir-broker: ${code}: a reason\n`,
    });
  });

  it.each([
    ["unfinished", 75],
    ["connect", 1],
  ] as const)("has the code and the status of %s in a dry run too", async (code, exitCode) => {
    const dryRun = () => printDryRun(() => Promise.reject(new InstallError(code, "a reason")));
    expect(await runCaptured(dryRun)).toEqual({ exitCode, stdout: "", stderr: `ocir-broker: ${code}: a reason\n` });
  });

  it.each(["SIGHUP", "SIGINT", "SIGTERM"] as const)("aborts the work on %s", async (name) => {
    const work = async (signal: AbortSignal): Promise<NodeResult> => {
      process.emit(name, name);
      return { ...result, ok: false, code: "killed", reason: String(signal.aborted) };
    };
    expect((await run("text", work)).stderr).toBe("ocir-broker: killed: true\n");
  });
});
