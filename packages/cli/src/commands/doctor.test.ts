import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../test/command-run.ts";

/** An empty root without a cloud: every request is refused at once. */
function makeEmptyNode(extra: object = {}): { folder: string; args: string[] } {
  const folder = temporaryFolder();
  const config = join(folder, "config.yaml");
  const nowhere = "http://127.0.0.1:1";
  const upstream = { metadata: { baseUrl: `${nowhere}/opc/v2` }, auth: { endpoint: nowhere } };
  writeFileSync(config, JSON.stringify({ ...upstream, ...extra }));
  return { folder, args: ["--config", config, "--root", folder] };
}

describe("ocir-broker doctor", () => {
  test("prints problems as text, without colours into a pipe, and exits with 1", async () => {
    const { args } = makeEmptyNode();
    const { stdout, exitCode } = await runCommand("doctor", ...args, "iad.ocir.io/acme/web");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^PROBLEM kubelet-not-running: no kubelet runs here\n {8}seen: .*\n {8}fix: /m);
    expect(stdout).not.toContain("\u001b");
  });

  test("prints the findings as JSON with --output json", async () => {
    const { args } = makeEmptyNode();
    const { stdout } = await runCommand("doctor", ...args, "--output", "json");
    const [means, evidence, fix] = Array(3).fill(expect.any(String));
    expect(JSON.parse(stdout)).toMatchObject({
      version: expect.any(String),
      findings: expect.arrayContaining([{ name: "not-installed", verdict: "problem", means, evidence, fix }]),
    });
  });

  test.each([
    ["a file without a token", "service-account-token-unreadable", 3],
    ["the token itself", "usage-invalid", 2],
  ])(
    "refuses %s as a service account token with %s, exits with %i, and does not print it",
    async (given, code, exit) => {
      const { folder, args } = makeEmptyNode();
      const token = "eyJh.secret.b";
      writeFileSync(join(folder, "token"), token);
      const file = given === "the token itself" ? token : join(folder, "token");
      const run = await runCommand("doctor", ...args, "iad.ocir.io/acme/web", "--service-account-token", file);
      expect([run.exitCode, run.stdout]).toEqual([exit, ""]);
      expect(run.stderr).toContain(code);
      expect(run.stderr).not.toContain("secret");
    },
  );

  test("accepts a registry that the configuration trusts", async () => {
    const { args } = makeEmptyNode({ registries: { extraHosts: ["mirror.test"] } });
    expect((await runCommand("doctor", ...args, "mirror.test/acme/web")).stdout).not.toContain(
      "the registry is not Oracle",
    );
    expect((await runCommand("doctor", ...args, "other.test/acme/web")).stdout).toContain("the registry is not Oracle");
  });
});
