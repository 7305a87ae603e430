/**
 * ocir-broker-node.sh runs without the executable, so it has short forms of two rules: which value of a flag counts, and which paths
 * only root can change. Each short form and its original run on the same cases.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { distrustOf } from "../packages/foundation/src/trusted-path.ts";
import { flagIn } from "../packages/node/src/kubelet.ts";

const SCRIPT = readFileSync(join(import.meta.dirname, "../cloud-init/ocir-broker-node.sh"), "utf8");
const isRoot = process.getuid?.() === 0;

/** The text of a shell function, from its name to the line that closes it. */
function shellFunction(name: string): string {
  return new RegExp(`^${name}\\(\\) \\{(?:.*\\}\\n|[^]*?\\n\\}\\n)`, "m").exec(SCRIPT)?.[0] as string;
}

/** Runs a command with these functions, and with the script's constants. */
function run(functions: readonly string[], command: string, ...args: string[]): { status: number; stdout: string } {
  const constants = SCRIPT.match(/^(?:plugin|flag)=.*$/gm)?.join("\n");
  const script = `set -uf\n${constants}\n${functions.map(shellFunction).join("")}${command}`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(stderr).toBe("");
  return { status: status ?? -1, stdout };
}

describe("ocir-broker-node.sh, like the executable,", () => {
  const FLAG = "--image-credential-provider-bin-dir";
  const valueIn = (text: string): string => `value_of "\${flag}bin[-_]dir" ${text}`;

  it.each<readonly [string[], string | undefined]>([
    [[`${FLAG}=/a`, "--v=2"], "/a"],
    [[FLAG, "/a", "--v=2"], "/a"],
    [[`${FLAG}=/a`, FLAG, "/b"], "/b"],
    [["--image_credential_provider_bin_dir=/a"], "/a"],
    [["--image_credential-provider_bin-dir", "/a"], "/a"],
    [[`${FLAG}=/a`, "--image_credential_provider_bin_dir=/b"], "/b"],
    [[`${FLAG}-of-another=/a`], undefined],
    [[`${FLAG}=`], undefined],
    [["--v=2"], undefined],
  ])("reads from %j the value %j", (args, value) => {
    expect(flagIn(args, FLAG)).toBe(value);
    expect(run(["value_of"], valueIn('"$1"'), args.join(" ")).stdout.trim()).toBe(value ?? "");
  });

  it("reads a flag from the kubelet's unit, in quotes and over two lines, and the bootstrap's arguments override it", () => {
    const unit = `printf '%s\\n' 'Environment="KUBELET_EXTRA_ARGS=${FLAG}=/a' "'${FLAG}'" '/b"'`;
    const command = `systemctl() { ${unit}; }\ncat() { :; }\n${valueIn('"$(kubelet_unit) $1"')}`;
    expect(run(["kubelet_unit", "value_of"], command, "--v=2").stdout).toBe("/b");
    expect(run(["kubelet_unit", "value_of"], command, `--v=2 ${FLAG} /c`).stdout).toBe("/c");
  });

  describe.skipIf(!isRoot)(`writes only where nobody but root can${isRoot ? "" : " (skipped: needs root)"}:`, () => {
    // In /run, because every folder above it belongs to root.
    let root = "";
    beforeAll(() => {
      root = mkdtempSync("/run/ocir-root-trust-");
      chmodSync(root, 0o755);
    });
    const at = (path: string): string => join(root, path);
    const giveAway = (path: string): void => chownSync(at(path), 65_534, 65_534);
    const arrange = (): void => {
      const modes = { ours: 0o755, open: 0o757, group: 0o775, sticky: 0o1777, theirs: 0o755 };
      for (const [path, mode] of Object.entries(modes)) {
        mkdirSync(at(path));
        chmodSync(at(path), mode);
        writeFileSync(at(`${path}/file`), "", { mode: 0o644 });
      }
      giveAway("theirs");
      writeFileSync(at("ours/open"), "");
      chmodSync(at("ours/open"), 0o666);
      writeFileSync(at("ours/theirs"), "");
      giveAway("ours/theirs");
      symlinkSync("../ours/file", at("ours/relative"));
      symlinkSync(at("ours"), at("ours/absolute"));
      symlinkSync(at("theirs/back"), at("ours/through"));
      symlinkSync(at("ours/file"), at("theirs/back"));
      symlinkSync("loop", at("ours/loop"));
      symlinkSync("not/there", at("ours/dangling"));
    };
    const TRUSTED = "ours/file ours/relative ours/absolute/file ours/dangling ours/not/there ours/.//file".split(" ");
    const DISTRUSTED =
      "theirs/file theirs theirs/not/there open/file group/not/there sticky/file ours/open ours/theirs ours/through ours/loop " +
      "ours/../theirs/file ours/absolute/../theirs/file ours/absent/../../theirs/new";

    it.each([...TRUSTED, ...DISTRUSTED.split(" ")])("%s", (path) => {
      arrange();
      onTestFinished(() => execFileSync("sh", ["-c", 'rm -rf "$1"/*', "sh", root]) as never);
      const trusted = distrustOf(at(path), { root: "/", ownerId: 0 }) === undefined;
      expect(trusted).toBe(TRUSTED.includes(path));
      expect(run(["write"], "write $1 644 text", `${root}/${path}`).status).toBe(trusted ? 0 : 1);
      expect(spawnSync("grep", ["-qsx", "text", `${root}/${path}`]).status === 0).toBe(trusted);
    });

    it.each(["ours/file", "/run/../run/file", "file"])("no path that is relative or has ..: %s", (path) => {
      expect(run(["write"], "write $1 644 text", path).status).toBe(1);
    });

    afterAll(() => rmSync(root, { recursive: true }));
  });

  it("does not wait for a pipe's writer in place of the kubelet's configuration, or among its files", () => {
    const folder = temporaryFolder();
    execFileSync("mkfifo", [join(folder, "a.yaml")]);
    /** The files that it would write. */
    const wanted = (config: string): string =>
      run(["keep_valid"], `write() { echo "$1"; }\nkeep_valid $1 ${folder}`, config).stdout;
    expect([wanted(join(folder, "a.yaml")), wanted(folder)]).toEqual(["", ""]);
    writeFileSync(join(folder, "b.yaml"), "name: credential-provider-oke-sa");
    expect(wanted(folder)).toContain(`${folder}/credential-provider-oke-sa\n`);
  });

  it("requests only its own addresses, whatever files the working directory has", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "http:/f/opc/v2"), { recursive: true });
    const script = `cd ${folder}; ${/^set -f/m.exec(SCRIPT)?.[0]}; ${shellFunction("metadata")}
      curl() { for word; do :; done; echo "$word" >&2; }; metadata x`;
    const { stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", env: {} });
    expect(stderr).toContain("http://[fd00:c1::a9fe:a9fe]/opc/v2/instance/metadata/x");
    expect(stderr).not.toContain("//f/");
  });
});
