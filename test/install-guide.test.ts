/** Checks the installer and its guides without a node: every sh can parse the script, and its guide in Korean has the commands of the English one. */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { INSTALL_ERROR_CODES } from "@ocir-broker/installer/install-error";
import { describe, expect, it } from "vitest";
import cliPackage from "../packages/cli/package.json" with { type: "json" };

const CHECKOUT = join(import.meta.dirname, "..");
const SCRIPT = join(CHECKOUT, "cloud-init/ocir-broker-node.sh");
const noShellcheck = spawnSync("shellcheck", ["--version"]).status === 0 ? "" : " (skipped: needs shellcheck)";

describe("ocir-broker-node.sh", () => {
  it.skipIf(noShellcheck !== "")(
    `passes shellcheck, like the scripts that it installs and the DaemonSet's${noShellcheck}`,
    () => {
      const files = globSync(["cloud-init/**/*.sh", "packages/installer/*.sh"], { cwd: CHECKOUT });
      expect(spawnSync("shellcheck", files, { cwd: CHECKOUT, encoding: "utf8" }).stdout).toBe("");
    },
  );

  it("has the version that it installs", () => {
    const text = readFileSync(SCRIPT, "utf8");
    expect(/^# ocir-broker-node\.sh (\S+): /m.exec(text)?.[1]).toBe(cliPackage.version);
    expect(/^version=(.*)$/m.exec(text)?.[1]).toBe(cliPackage.version);
  });

  it.each(["sh", "bash"])("can be parsed by %s, like the DaemonSet's script", (shell) => {
    for (const file of globSync("cloud-init/**/*.sh", { cwd: CHECKOUT }))
      execFileSync(shell, ["-n", join(CHECKOUT, file)]);
  });
});

it("docs/operations.md has a row for each reason of a failed installation, and no other", () => {
  const codes = [
    ...read("cloud-init/ocir-broker-node.sh").matchAll(/(?:\bfail |\breason=)["']([a-z][a-z-]+): /g),
    ...read("packages/daemonset/src/failure-metric.ts").matchAll(/^const REASON = "(.+)"/gm),
  ];
  const rows = read("docs/operations.md").split("### OcirBrokerInstallFailed")[1]?.split("###")[0] ?? "";
  const documented = [...rows.matchAll(/^\| (`[^|]*)\|/gm)].flatMap(([, cell]) => cell?.match(/[a-z-]+/g) ?? []);
  expect(documented.sort()).toEqual(
    [...new Set([...INSTALL_ERROR_CODES, ...codes.map(([, code = ""]) => code)])].sort(),
  );
});

it("the Korean guide has only commands of the English one", () => {
  const english = commandsOf(read("docs/install.md"));
  const korean = commandsOf(read("docs/install.ko.md"));
  expect(korean.length).toBeGreaterThan(8);
  expect(korean.filter((command) => !english.includes(command))).toEqual([]);
});

function read(path: string): string {
  return readFileSync(join(CHECKOUT, path), "utf8");
}

/** Lines of the sh blocks, without comments and placeholders. */
function commandsOf(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/```sh\n(.*?)```/gs)].map(([, block = ""]) => block);
  return blocks
    .join("")
    .split("\n")
    .map((line) => line.replace(/\s+#\s.*$/, "").replace(/<[^<>\s]+>/g, "<>"));
}
