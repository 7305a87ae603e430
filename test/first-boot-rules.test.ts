/**
 * ocir-broker-node.sh runs before the executable exists, so it has short copies of three rules: which value of a flag counts,
 * which paths only root can change, and the installers' lock. Each copy and its original run on the same cases.
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

const CHECKOUT = join(import.meta.dirname, "..");
const SCRIPT = readFileSync(join(CHECKOUT, "cloud-init/ocir-broker-node.sh"), "utf8");
const LOCK = readFileSync(join(CHECKOUT, "packages/installer/install-lock.sh"), "utf8");
const isRoot = process.getuid?.() === 0;

/** The text of a shell function, from its name to the line that closes it. */
function shellFunction(name: string, script = SCRIPT): string {
  return new RegExp(`^${name}\\(\\) [({](?:.*[)}]\\n|[^]*?\\n[)}]\\n)`, "m").exec(script)?.[0] as string;
}

function run(functions: readonly string[], command: string, ...args: string[]): { status: number; stdout: string } {
  const script = `${functions.map((name) => shellFunction(name)).join("")}${command}`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, "sh", ...args], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(stderr).toBe("");
  return { status: status ?? -1, stdout };
}

describe("ocir-broker-node.sh, like the executable,", () => {
  const FLAG = "--image-credential-provider-bin-dir";

  it.each<readonly [string[], string | undefined]>([
    [[`${FLAG}=/a`, "--v=2"], "/a"],
    [[FLAG, "/a", "--v=2"], "/a"],
    [[`${FLAG}=/a`, FLAG, "/b"], "/b"],
    [["--image_credential_provider_bin_dir=/a"], "/a"],
    [["--image_credential-provider_bin-dir", "/a"], "/a"],
    [[`${FLAG}=/a b`], "/a b"],
    [[`${FLAG}=/a`, "--image_credential_provider_bin_dir=/b"], "/b"],
    [[`${FLAG}-of-another=/a`], undefined],
    [[`${FLAG}=`], undefined],
    [["--v=2"], undefined],
  ])("reads from %j the value %j", (args, value) => {
    expect(flagIn(args, FLAG)).toBe(value);
    const command = 'IFS="\n"; flag_in "$1" "$(printf "%s\\n" "$2" | with_dashes)"';
    expect(run(["with_dashes", "flag_in"], command, FLAG, args.join("\n")).stdout).toBe(value ?? "");
  });

  describe.skipIf(!isRoot)(`checks who can change a path${isRoot ? "" : " (skipped: needs root)"}`, () => {
    // In /run, because every folder above it belongs to root.
    let root = "";
    beforeAll(() => {
      root = mkdtempSync("/run/ocir-root-trust-");
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
    const TRUSTED =
      "ours/file ours/relative ours/absolute/file ours/dangling ours/not/there ours/./../ours//file".split(" ");
    const DISTRUSTED =
      "theirs/file theirs theirs/not/there open/file group/not/there sticky/file ours/open ours/theirs ours/through ours/loop " +
      "ours/../theirs/file ours/absolute/../theirs/file ours/absent/../../theirs/new";

    it.each([...TRUSTED, ...DISTRUSTED.split(" ")])("%s", (path) => {
      arrange();
      onTestFinished(() => execFileSync("sh", ["-c", 'rm -rf "$1"/*', "sh", root]) as never);
      const trusted = distrustOf(at(path), { root: "/", ownerId: 0 }) === undefined;
      expect(trusted).toBe(TRUSTED.includes(path));
      expect(run(["is_roots"], 'is_roots "$1"', `${root}/${path}`).status).toBe(trusted ? 0 : 1);
    });

    afterAll(() => rmSync(root, { recursive: true }));
  });

  it("opens the lock as the other installers do", () => {
    expect(shellFunction("open_lock")).toBe(shellFunction("open_lock", LOCK));
    expect(/^lock_file=.*$/m.exec(SCRIPT)?.[0]).toBe(/^lock_file=.*$/m.exec(LOCK)?.[0]);
  });

  it("installs nothing on a node that is switched off, and names the command that switches it on", () => {
    const folder = temporaryFolder();
    const stages = /for stage in (.*);/.exec(shellFunction("install_all"))?.[1]?.split(" ") ?? [];
    const others = stages.filter((stage) => stage !== "check_switch").map((stage) => `${stage}() { echo ${stage}; }\n`);
    const install = () =>
      run(
        ["fail", "check_switch", "install_all"],
        `log() { :; }\n${others.join("")}state=$1 disabled=$1/disabled work=$1/w before=$1/b; install_all`,
        folder,
      );
    expect(install()).toEqual({ status: 0, stdout: expect.stringMatching(/^check_machine\n(?:\w+\n)+connect\n$/) });
    writeFileSync(join(folder, "disabled"), "");
    expect(install()).toEqual({ status: 1, stdout: "" });
    expect(readFileSync(join(folder, "code"), "utf8")).toBe("switched-off\n");
    expect(readFileSync(join(folder, "reason"), "utf8")).toContain("run ocir-broker enable");
  });

  it("does not wait for a pipe's writer in place of the kubelet's configuration, or among its files", () => {
    const folder = temporaryFolder();
    execFileSync("mkfifo", [join(folder, "a.yaml")]);
    /** Exit status as of grep: 0 yes, 1 no, 2 could not examine everything. */
    const names = (config: string): number =>
      run(["config_names"], "config=$1; config_names our-plugin", config).status;
    expect([names(join(folder, "a.yaml")), names(folder)]).toEqual([2, 1]);
    writeFileSync(join(folder, "b.yaml"), "our-plugin");
    expect(names(folder)).toBe(0);
  });

  it("requests only its own addresses, whatever files the working directory has", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "http:/f/opc/v2"), { recursive: true });
    const bases = /^metadata_bases=.*$/m.exec(SCRIPT)?.[0];
    const script = `cd ${folder}; newline='\n'; ${bases}\n${shellFunction("metadata")}
      sleep() { :; }; curl() { for word; do :; done; echo "$word" >&2; }; metadata x`;
    const { stderr } = spawnSync("sh", ["-c", script.replace("2>/dev/null", "")], { encoding: "utf8", env: {} });
    expect(stderr).toContain("http://[fd00:c1::a9fe:a9fe]/opc/v2/instance/x");
    expect(stderr).not.toContain("//f/");
  });
});
