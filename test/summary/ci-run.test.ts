/** `.ci/run`, with fakes of what it calls. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";

const RUN = join(import.meta.dirname, "../../.ci/run");
/** Appends its arguments, and the limit of builds, to the file `calls`. */
const NPM = `#!/bin/sh
echo "$* $OCIR_BROKER_BUILD_LIMIT_S" >>calls
case "$*" in *"$FAILING"*) exit 3 ;; esac
case "$1" in ci*) printf '#!/bin/sh\\necho "$*"\\n' >node_modules/.bin/node && chmod +x node_modules/.bin/node ;; esac
`;
const SUMMARY = "test/summary/main.ts test-results";

function runCi({
  groups = [],
  required = "",
  failing = "nothing",
}: {
  groups?: string[];
  required?: string;
  failing?: string;
}) {
  const folder = temporaryFolder();
  const write = (path: string, text: string) => writeFileSync(join(folder, path), text, { mode: 0o755 });
  for (const path of [".ci", "bin", "node_modules/.bin"]) mkdirSync(join(folder, path), { recursive: true });
  copyFileSync(RUN, join(folder, ".ci/run"));
  write(".ci/install-tools", "#!/bin/sh\n");
  write(".ci/test-as-user", "#!/bin/sh\n");
  write("bin/npm", NPM);
  const { status, stdout } = spawnSync(join(folder, ".ci/run"), groups, {
    encoding: "utf8",
    env: { PATH: `${folder}/bin:${process.env["PATH"]}`, OCIR_BROKER_REQUIRE: required, FAILING: failing },
  });
  const results = join(folder, "test-results");
  const written = existsSync(results)
    ? readdirSync(results).map((name) => `${name}: ${readFileSync(join(results, name), "utf8").trim()}`)
    : [];
  const calls = readFileSync(join(folder, "calls"), "utf8").replaceAll(/ \d+$/gm, " (with a limit)");
  return {
    status,
    said: stdout.trim(),
    calls: calls
      .split("\n")
      .map((call) => call.trim())
      .filter(Boolean),
    written,
  };
}

it(".ci/run runs all groups but machine, and keeps their results for the summary", () => {
  const { calls, written, said } = runCi({ failing: "check" });
  expect(calls).toEqual(["cit", "run check", "run test:system", "run test:cluster -- --short (with a limit)"]);
  expect(written.filter((line) => !line.startsWith("test-as-user"))).toEqual([
    "check.status: 3",
    "cluster.status: 0",
    "machine.lacks: choice takes more than 6 minutes, so the workflow runs it",
    "system.status: 0",
    "test.status: 0",
  ]);
  expect(said).toBe(`${SUMMARY} unit check system cluster machine`);
});

it(".ci/run runs the machine group if it is required, and one group alone", () => {
  expect(runCi({ required: "unit,machine" }).calls.at(-1)).toBe("run test:machine (with a limit)");
  const { calls, said } = runCi({ groups: ["unit", "check"], required: "unit,system,cluster,machine" });
  expect([calls, said]).toEqual([["cit", "run check"], `${SUMMARY} unit check`]);
});

it(".ci/run ends with the count even if nothing can be installed", () => {
  const { status, said } = runCi({ failing: "ci" });
  expect([status, said.split("\n").at(-1)]).toEqual([1, "0 passed, 1 failed, 0 skipped"]);
});
