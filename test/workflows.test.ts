/** The workflows: actionlint accepts them, actions are pinned, rights are least, and each script that they call exists. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import rootPackage from "../package.json" with { type: "json" };
import cliPackage from "../packages/cli/package.json" with { type: "json" };
import { OWNED } from "./summary/lacks.ts";

const CHECKOUT = join(import.meta.dirname, "..");
const WORKFLOWS = globSync(".github/workflows/*.yml", { cwd: CHECKOUT }).sort();
const WRITERS = ["release.yml publish", "node.yml propose", "security.yml codeql", "security.yml scorecard"].map(
  (job) => `.github/workflows/${job}`,
);
const noActionlint = spawnSync("actionlint", ["--version"]).status === 0 ? "" : " (skipped: needs actionlint)";

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly include: readonly { readonly script?: string }[] } };
  readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly env?: object }[];
}

const read = (path: string): string => readFileSync(join(CHECKOUT, path), "utf8");
const jobsOf = (path: string) => Object.entries<Job>(parse(read(path)).jobs);

const isOwned = spawnSync("git", ["grep", "-qw", "OWNER", "--", "deploy"], { cwd: CHECKOUT }).status !== 0;

it.skipIf(isOwned)(
  `a release is refused while it has the owner's placeholders${isOwned ? ` (skipped: ${OWNED})` : ""}`,
  () => {
    const args = [`v${cliPackage.version}`, "https://example.com"];
    const { status, stderr } = spawnSync(join(CHECKOUT, ".ci/release-build"), args, { encoding: "utf8" });
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/Chart\.yaml:\d+:home: .*OWNER[\s\S]*placeholders of the owner/),
    ]);
  },
);

it.skipIf(noActionlint !== "")(`actionlint accepts the workflows${noActionlint}`, () => {
  const { status, stdout } = spawnSync("actionlint", WORKFLOWS, { cwd: CHECKOUT, encoding: "utf8" });
  expect([status, stdout]).toEqual([0, ""]);
});

describe.each(WORKFLOWS)("%s", (path) => {
  it("pins every action by commit, with its version", () => {
    const used = [...read(path).matchAll(/uses: (.*)/g)].map(([, action]) => action);
    expect(
      used.filter((action) => !/^(?:actions|github|ossf)\/[a-z/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action ?? "")),
    ).toEqual([]);
  });

  it("calls only scripts that exist", () => {
    const runs = jobsOf(path).flatMap(([, { steps }]) => steps.flatMap(({ run }) => run ?? []));
    const scripts = runs.flatMap((run) => run.match(/\.ci\/[\w-]+/g) ?? []);
    for (const script of scripts) accessSync(join(CHECKOUT, script), constants.X_OK);
    const commands = runs.flatMap((run) => [...run.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name ?? ""));
    // A job of a matrix has the script that it runs there.
    const matrices = jobsOf(path).flatMap(([, { strategy }]) => strategy?.matrix.include ?? []);
    commands.push(...matrices.flatMap(({ script }) => script?.split(" ", 1) ?? []));
    expect(commands.filter((name) => !(name in rootPackage.scripts))).toEqual([]);
  });

  it("has write access only in the jobs that publish, propose or report, which build nothing", () => {
    const { permissions } = parse(read(path));
    expect(Object.values(permissions).filter((right) => right !== "read")).toEqual([]);
    const writers = jobsOf(path).filter(([, job]) => Object.values(job.permissions ?? {}).includes("write"));
    for (const [name, { steps }] of writers) {
      expect(WRITERS).toContain(`${path} ${name}`);
      expect(steps.filter(({ run }) => /npm (?:ci|i|install|exec)\b|npx /.test(run ?? ""))).toEqual([]);
    }
    expect(read(path).match(/\$\{\{ secrets\.(\w+)/g) ?? []).toHaveLength(path.endsWith("/release.yml") ? 1 : 0);
  });
});
