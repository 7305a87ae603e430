/**
 * Single functions of ocir-broker-node.sh. It runs without the executable, so it has short forms of two rules: which value of a flag
 * counts, and which paths only root can change. Each short form and its original run on the same cases.
 */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { serveOnPort } from "@ocir-broker/node/test/socket-server";
import { API_VERSION, MATCH_IMAGES } from "@ocir-broker/protocol/contract";
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
  const constants = SCRIPT.match(/^plugin=.*$/gm)?.join("\n");
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
  const valueIn = (text: string): string => `value_of '--image[-_]credential[-_]provider[-_]bin[-_]dir' ${text}`;

  it.each<readonly [string[], string | undefined]>([
    [[`${FLAG}=/a`, "--v=2"], "/a"],
    [[FLAG, "/a", "--v=2"], "/a"],
    [[`${FLAG}=/a`, FLAG, "/b"], "/b"],
    [["--image_credential_provider_bin_dir=/a"], "/a"],
    [["--image_credential-provider_bin-dir", "/a"], "/a"],
    [[`${FLAG}=/a`, "--image_credential_provider_bin_dir=/b"], "/b"],
    [[`${FLAG}-of-another=/a`], undefined],
    [[`${FLAG}=`], undefined],
    [[`${FLAG}=`, "--v=2"], undefined],
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
      symlinkSync(at("ours"), at("ours/absolute"));
    };
    const TRUSTED = "ours/file ours/not/there ours/.//file".split(" ");
    /** Stricter than the executable: no link among the folders. */
    const LINKED = "ours/absolute/file";
    const DISTRUSTED =
      "theirs/file theirs/not/there open/file group/not/there sticky/file " +
      "ours/../theirs/file ours/absent/../../theirs/new";

    it.each([...TRUSTED, LINKED, ...DISTRUSTED.split(" ")])("%s", (path) => {
      arrange();
      onTestFinished(() => execFileSync("sh", ["-c", 'rm -rf "$1"/*', "sh", root]) as never);
      const trusted = distrustOf(at(path), { root: "/", ownerId: 0 }) === undefined;
      expect(trusted).toBe(path === LINKED || TRUSTED.includes(path));
      const { stdout } = run(["is_roots", "write"], 'error() { echo "$1"; }\nwrite "$1" 644 text', `${root}/${path}`);
      expect(stdout === "").toBe(TRUSTED.includes(path));
      expect(spawnSync("grep", ["-qsx", "text", at(path)]).status === 0).toBe(TRUSTED.includes(path));
    });

    it.each(["ours/file", "/run/../run/file", "file"])("no path that is relative or has ..: %s", (path) => {
      expect(run(["is_roots"], "is_roots $1", path).status).toBe(1);
    });

    afterAll(() => rmSync(root, { recursive: true }));
  });

  describe("after a failed installation, writes", () => {
    const NAMES = ["credential-provider-oke", "credential-provider-oke-sa"];
    const folder = temporaryFolder();
    const config = join(folder, "config.yaml");

    /** The files that it would write for these flags. */
    function written(flags: string, bootstrap = ""): string[] {
      const functions = ["value_of", "write_missing", "write_plugin"];
      const command = `bootstrap=${bootstrap}; given=$1; kubelet_unit() { :; }; write() { echo "$1"; }; write_missing`;
      return run(functions, command, flags).stdout.trim().split("\n");
    }
    const flagsFor = (path: string): string =>
      `--image-credential-provider-config=${path} --image-credential-provider-bin-dir=${folder}`;

    it.each([
      ["nothing for another provider's configuration", "name: another-provider", [""]],
      [
        "a plugin that a configuration names",
        "name: credential-provider-oke-x",
        [join(folder, "credential-provider-oke")],
      ],
      ["both plugins that it names", NAMES.join(" "), NAMES.map((name) => join(folder, name))],
    ])("%s", (_, text, files) => {
      writeFileSync(config, text);
      expect(written(flagsFor(config))).toEqual(files);
    });

    it("nothing without both flags, unless the bootstrap adds them", () => {
      expect(written(`--image-credential-provider-config=${config}`)).toEqual([""]);
      expect(written("--v=2")).toEqual([""]);
      expect(written("--v=2", "none")).toContain("/etc/kubernetes/credential-provider-config.yaml");
    });

    it("nothing for a pipe, whose writer it does not wait for", () => {
      execFileSync("mkfifo", [join(folder, "pipe.yaml")]);
      expect(written(flagsFor(join(folder, "pipe.yaml")))).toEqual([""]);
      writeFileSync(config, "");
      expect(written(flagsFor(folder))).toEqual([""]);
    });

    it.skipIf(!isRoot)("plugins that respond with no credentials, and under -sa with the anonymous entry", () => {
      const root = mkdtempSync("/run/ocir-plugins-");
      onTestFinished(() => rmSync(root, { recursive: true }));
      writeFileSync(config, NAMES.join(" "));
      const flags = `--image-credential-provider-config=${config} --image-credential-provider-bin-dir=${root}`;
      const functions = ["value_of", "write_missing", "write_plugin", "is_roots", "write"];
      run(functions, "bootstrap=; given=$1; kubelet_unit() { :; }; write_missing", flags);
      const [none, anonymous] = NAMES.map((name) => JSON.parse(execFileSync(join(root, name), { encoding: "utf8" })));
      expect(none).toEqual({
        kind: "CredentialProviderResponse",
        apiVersion: API_VERSION,
        cacheKeyType: "Registry",
        cacheDuration: "0s",
        auth: {},
      });
      const nobody = { username: "", password: "" };
      expect(anonymous).toEqual({ ...none, auth: Object.fromEntries(MATCH_IMAGES.map((name) => [name, nobody])) });
    });
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

describe("ocir-broker-node.sh downloads:", () => {
  const LIMIT_BYTES = 1_024_000;
  /** Ignores the limit of --max-filesize if no size is announced, as curl does before 8.4. */
  const RECORDING_CURL = `#!/bin/sh
echo "$*" >>"$work/arguments"
exec /usr/bin/curl "$@"
`;

  it("unpack refuses an archive with a wrong checksum, also on a node without a system log", async () => {
    const work = temporaryFolder();
    const program = (name: string, script: string) =>
      writeFileSync(join(work, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    program("logger", "exit 1");
    program("tar", "echo unpacked");
    for (const arch of ["amd64", "arm64"]) writeFileSync(join(work, `ocir-broker-1-linux-${arch}.tar.gz`), "forged");
    const script = `set -u; version=1 sha256_amd64=0 sha256_arm64=0 signal= reason= sources=$state; sleep() { :; }
${["fail", "log", "fetch", "unpack"].map(shellFunction).join("")}
unpack || printf %s "$reason"`;
    const env = { PATH: `${work}:/usr/bin:/bin`, work: join(work, "unpacked"), state: work };
    expect(spawnSync("sh", ["-c", script], { encoding: "utf8", env }).stdout).toMatch(/^checksum: /);
  });

  it.each([
    [1, /^$/],
    [20 * LIMIT_BYTES, /^download: archive cannot be fetched: curl: \(23\)/],
  ])("fetch limits a body of %i bytes without an announced length", async (bytes, why) => {
    const work = temporaryFolder();
    writeFileSync(join(work, "curl"), RECORDING_CURL, { mode: 0o755 });
    const server = createServer((_request, response) => {
      response.write("a");
      response.end("a".repeat(bytes - 1));
    });
    const script = `set -u; archive=archive signal= reason=; sleep() { :; }
${shellFunction("fail")}${shellFunction("fetch").replace(/head -c \d+/, `head -c ${LIMIT_BYTES}`)}
fetch "$1" || printf %s "$reason"`;
    const url = `http://${await serveOnPort(server)}`;
    const env = { PATH: `${work}:/usr/bin:/bin`, work, state: work };
    const { stdout } = await promisify(execFile)("sh", ["-c", script, "sh", url], { env });
    expect(stdout).toMatch(why);
    // A pre-authenticated request is a secret, and any user can read arguments.
    const seen = readFileSync(join(work, "arguments"), "utf8");
    expect(seen).not.toContain(url);
    expect(statSync(join(work, "archive")).size).toBeLessThanOrEqual(LIMIT_BYTES);
  });
});
