/** Checks the script and its guides without a node: its size and version, and that the Korean guide has the commands of the English one. */
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { INSTALL_ERROR_CODES } from "@ocir-broker/installer/install-error";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import cliPackage from "../packages/cli/package.json" with { type: "json" };
import { nodeScript } from "../packages/packaging/src/node-script.ts";
import { commandsOn } from "./documentation/pages.ts";
import { nodeClassWith } from "./karpenter.ts";

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

  it("leaves room in a node's metadata, also with the longest settings of the guides and as Karpenter's node class", () => {
    const [long, name] = [
      "https://objectstorage.eu-frankfurt-1.oraclecloud.com/p/".padEnd(250, "x"),
      "ocir-broker-node.sh",
    ];
    const script = nodeScript({
      version: "10.10.10",
      baseUrl: long,
      sha256: { amd64: "a".repeat(64), arm64: "b".repeat(64) },
    });
    const folder = temporaryFolder();
    writeFileSync(join(folder, name), script);
    const env = { PATH: "/usr/bin:/bin", source: long, kubelet_extra_args: "--node-labels=a=b".padEnd(500, "x") };
    const sizes = commandsOn("first boot").map(({ text }) => {
      execFileSync("sh", ["-ec", text], { cwd: folder, env });
      return readFileSync(join(folder, "user-data.sh")).toString("base64").length;
    });
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes, nodeClassWith(script).spec.preBootstrapInitScript.length)).toBeLessThan(24_000);
  });

  it("has the version that it installs", () => {
    const text = readFileSync(SCRIPT, "utf8");
    expect(/^# ocir-broker-node\.sh (\S+): /m.exec(text)?.[1]).toBe(cliPackage.version);
    expect(/^version=(.*)$/m.exec(text)?.[1]).toBe(cliPackage.version);
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

it("the Korean guide has only commands of the README and of the English guide", () => {
  const english = ["README.md", "docs/install.md"].flatMap((page) => commandsOf(read(page)));
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
    .map((line) =>
      line
        .replace(/\s+#\s.*$/, "")
        .replace(/<[^<>\s]+>/g, "<>")
        .trim(),
    );
}
