/** The composite action `.github/actions/setup`: actionlint accepts it, and its steps run here as the runner's shell runs them. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { BROKER, DOCKER_HELPER } from "./daemon.ts";
import { lackOf } from "./real-registry.ts";

const CHECKOUT = join(import.meta.dirname, "..");
const ACTION = ".github/actions/setup/action.yml";
const HELPER = join(CHECKOUT, "packages/packaging/files/helper.sh");

interface Step {
  readonly shell: string;
  readonly env: Readonly<Record<string, string>>;
  readonly run: string;
}

const text = readFileSync(join(CHECKOUT, ACTION), "utf8");
const { runs, inputs } = parse(text) as { runs: { using: string; steps: readonly Step[] }; inputs: object };

const noActionlint = lackOf("actionlint");

it.skipIf(noActionlint !== "")(`actionlint accepts the action and what a workflow gives it${noActionlint}`, () => {
  const folder = temporaryFolder();
  const write = (path: string, written: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), written);
  };
  write(ACTION, text);
  // Shell in an action is not linted by itself.
  const steps = [
    { uses: "./.github/actions/setup", with: Object.fromEntries(Object.keys(inputs).map((name) => [name, "x"])) },
    ...runs.steps.map(({ shell, run }) => ({ shell, run })),
  ];
  const workflow = { on: "push", jobs: { push: { "runs-on": "ubuntu-24.04", steps } } };
  write(".github/workflows/push.yml", JSON.stringify(workflow));
  execFileSync("git", ["init", "--quiet"], { cwd: folder });
  const { status, stdout } = spawnSync("actionlint", { cwd: folder, encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
});

const noPrograms = lackOf("curl", "jq");

describe.skipIf(noPrograms !== "")(`the action's steps${noPrograms}`, () => {
  const home = temporaryFolder();
  const archive = createArchive(join(home, "archive"));
  const digest = execFileSync("sha256sum", [archive], { encoding: "utf8" }).slice(0, 64);
  const path = join(home, "github-path");
  const config = join(home, ".docker/config.json");

  /** As `shell: bash` does. @returns the output of the step that failed; empty if none did */
  function runSteps(given: Readonly<Record<string, string>>): string {
    for (const { shell, env, run } of runs.steps) {
      expect(shell).toBe("bash");
      const inputsIn = (value: string) =>
        value.replaceAll(/\$\{\{ inputs\.(\w+) \}\}/g, (_, name) => String(given[name]));
      const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, inputsIn(value)]));
      const { status, stdout, stderr } = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", run], {
        env: { PATH: process.env["PATH"], HOME: home, RUNNER_TEMP: home, GITHUB_PATH: path, ...own },
        encoding: "utf8",
      });
      if (status !== 0) return `${stdout}${stderr}`;
    }
    return "";
  }

  it("refuse an archive with another checksum, and unpack nothing of it", () => {
    const given = { archive: `file://${archive}`, sha256: "0".repeat(64), registries: "iad.ocir.io" };
    expect(runSteps(given)).toContain("FAILED");
    expect(execFileSync("ls", [join(home, "ocir-broker")], { encoding: "utf8" })).toBe("");
  });

  it("put the helper on the PATH, and name it for each registry beside what docker's file has", () => {
    mkdirSync(dirname(config));
    writeFileSync(config, '{"auths":{"ghcr.io":{}}}');
    expect(runSteps({ archive: `file://${archive}`, sha256: digest, registries: "iad.ocir.io icn.ocir.io" })).toBe("");
    expect(JSON.parse(readFileSync(config, "utf8"))).toEqual({
      auths: { "ghcr.io": {} },
      credHelpers: { "iad.ocir.io": "ocir", "icn.ocir.io": "ocir" },
    });
    const { stdout } = spawnSync("sh", ["-c", "docker-credential-ocir get"], {
      env: {
        PATH: `${readFileSync(path, "utf8").trim()}:/usr/bin:/bin`,
        HOME: home,
        OCI_CLI_AUTH: "workload_identity_federation",
      },
      input: "iad.ocir.io",
      encoding: "utf8",
    });
    expect(stdout).toMatch(/^ocir-broker: identity-variable-missing: .*OCI_TOKEN_EXCHANGE_DOMAIN_URL/);
  });
});

/** What the action uses of a release's archive. */
function createArchive(folder: string): string {
  const programs = join(folder, "ocir-broker");
  mkdirSync(programs, { recursive: true });
  cpSync(HELPER, join(programs, "helper.sh"));
  cpSync(BROKER, join(programs, "ocir-broker"));
  cpSync(DOCKER_HELPER, join(programs, "docker-credential-ocir"));
  writeFileSync(join(programs, "libatomic.so.1"), "");
  const archive = join(folder, "archive.tar.gz");
  execFileSync("tar", ["-czf", archive, "-C", folder, "ocir-broker"]);
  return archive;
}
