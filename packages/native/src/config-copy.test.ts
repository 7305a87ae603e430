import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, onTestFinished, test } from "vitest";
import { describeBuilds } from "../test/native-builds.ts";

/** Our own group, so that the copy needs no root. The group can read files with its bits, so files are 0600. */
const GROUP = execFileSync("id", ["-gn"]).toString().trim();
const TEXT = "proxy: {https: 'user:secret@proxy:3128'}\n";
const MIB = 1024 * 1024;
const REFUSAL =
  "<4>ocir-broker-launch: cannot copy the configuration for the daemon (only root may own and write the file and its folder, and neither may be a link): ";

/** Changes the configuration at this path. */
type Change = (from: string) => void;
const withMode =
  (mode: number, folderMode = 0o755): Change =>
  (from) => {
    fs.chmodSync(from, mode);
    fs.chmodSync(join(from, ".."), folderMode);
  };
const turnIntoLink: Change = (from) => {
  fs.renameSync(from, `${from}-target`);
  fs.symlinkSync("config.yaml-target", from);
};
const turnIntoPipe: Change = (from) => {
  fs.rmSync(from);
  execFileSync("mkfifo", ["-m", "0600", from]);
};
const turnIntoFolder: Change = (from) => {
  fs.rmSync(from);
  fs.mkdirSync(from, { mode: 0o700 });
  fs.chmodSync(from, 0o000);
  // So that it can be removed without root's rights.
  onTestFinished(() => fs.chmodSync(from, 0o700));
};

describeBuilds("ocir-broker-launch --copy-config", (build) => {
  const path = build.path("ocir-broker-launch");

  function stage() {
    const root = temporaryFolder();
    for (const name of ["etc", "run"]) fs.mkdirSync(join(root, name), { mode: 0o755 });
    const from = join(root, "etc/config.yaml");
    const to = join(root, "run/config.yaml");
    fs.writeFileSync(from, TEXT);
    fs.chmodSync(from, 0o600);
    return {
      ...{ root, from, to },
      copy: async (group = GROUP) => {
        const args = ["--copy-config", from, to, group];
        const { stderr, exitCode } = await callCredentialProvider({ path, args, stdin: "" });
        return { stderr, exitCode };
      },
    };
  }

  test("copies an owner-only file for the group, replaces older files, and leaves nothing else", async () => {
    const { root, from, to, copy } = stage();
    fs.writeFileSync(to, "an older and longer copy".repeat(100));
    fs.writeFileSync(`${to}.new`, "of a copy that was cut off");
    expect(await copy()).toEqual({ stderr: "", exitCode: 0 });
    expect(fs.readFileSync(to, "utf8")).toBe(TEXT);
    expect(fs.lstatSync(to).mode & 0o777).toBe(0o640);
    expect(fs.readdirSync(join(root, "run"))).toEqual(["config.yaml"]);
    expect(fs.lstatSync(from).mode & 0o777).toBe(0o600);
  });

  test("replaces a link at the copy's path, and leaves the file behind it unchanged", async () => {
    const { root, to, copy } = stage();
    fs.writeFileSync(join(root, "bystander"), "untouched");
    for (const link of [to, `${to}.new`]) fs.symlinkSync("../bystander", link);
    expect(await copy()).toEqual({ stderr: "", exitCode: 0 });
    expect(fs.lstatSync(to).isFile()).toBe(true);
    expect(fs.readFileSync(join(root, "bystander"), "utf8")).toBe("untouched");
  });

  test.each<[what: string, change: Change, copied?: string]>([
    ["copies a readable file in an unreadable folder", withMode(0o644, 0o700), TEXT],
    ["copies a file of exactly 1 MiB", (from) => fs.writeFileSync(from, "#".repeat(MIB)), "#".repeat(MIB)],
    ["copies no file that the group can read", withMode(0o640)],
    ["copies no file that does not exist", (from) => fs.rmSync(from)],
    ["copies no file whose folder does not exist", (from) => fs.rmSync(join(from, ".."), { recursive: true })],
    [
      "copies no readable link",
      (from) => {
        withMode(0o644)(from);
        turnIntoLink(from);
      },
    ],
    [
      "creates an empty copy if the file is missing in a folder that the group cannot enter",
      (from) => {
        withMode(0o600, 0o700)(from);
        fs.rmSync(from);
      },
      "",
    ],
  ])("%s, and removes an older copy and the file left by a killed run", async (_what, change, copied) => {
    const { root, from, to, copy } = stage();
    for (const older of [to, `${to}.new`]) fs.writeFileSync(older, "older");
    change(from);
    expect(await copy()).toEqual({ stderr: "", exitCode: 0 });
    expect(fs.readdirSync(join(root, "run"))).toEqual(copied === undefined ? [] : ["config.yaml"]);
    if (copied !== undefined) expect(fs.readFileSync(to, "utf8")).toBe(copied);
  });

  test("keeps an older copy if the new one cannot be written", async () => {
    const { to, copy } = stage();
    fs.writeFileSync(to, "older");
    fs.mkdirSync(`${to}.new`);
    const { stderr, exitCode } = await copy();
    expect([stderr.slice(0, REFUSAL.length), exitCode]).toEqual([REFUSAL, 1]);
    expect(fs.readFileSync(to, "utf8")).toBe("older");
  });

  const isRoot = process.getuid?.() === 0;

  test.each<[what: string, change: Change, why?: string]>([
    ["a link", turnIntoLink, "(Too many levels of symbolic links|Symbolic link loop)"], // glibc, musl
    ["a pipe", turnIntoPipe],
    ["a folder", turnIntoFolder, isRoot ? "Operation not permitted" : "Permission denied"],
    ["a file that others may write", withMode(0o602)],
    ["a file that its group may write", withMode(0o620)],
    ["a file in a folder that others may write", withMode(0o600, 0o777)],
    ["a file of more than 1 MiB", (from) => fs.writeFileSync(from, "#".repeat(MIB + 1)), "File too large"],
  ])(
    "refuses to copy %s, reports the reason, and removes an older copy",
    async (_what, change, why = "Operation not permitted") => {
      const { root, from, to, copy } = stage();
      fs.writeFileSync(to, "older");
      change(from);
      const { stderr, exitCode } = await copy();
      expect([exitCode, stderr.slice(0, REFUSAL.length)]).toEqual([1, REFUSAL]);
      expect(stderr.slice(REFUSAL.length)).toMatch(new RegExp(`^${why}\n$`));
      expect(fs.readdirSync(join(root, "run"))).toEqual([]);
    },
  );

  test("writes nothing into a folder that others may write to, or for an unknown group", async () => {
    const { root, to, copy } = stage();
    expect((await copy("no-such-group")).exitCode).toBe(1);
    fs.chmodSync(join(root, "run"), 0o777);
    expect(await copy()).toEqual({ stderr: `${REFUSAL}Operation not permitted\n`, exitCode: 1 });
    expect(fs.existsSync(to)).toBe(false);
  });

  test.each([["--copy-config"], ["--copy-config", "config.yaml", "/run/copy", GROUP]])(
    "refuses the arguments %j %j %j %j",
    async (...args) => {
      const { stderr, exitCode } = await callCredentialProvider({ path, args, stdin: "" });
      expect({ stderr, exitCode }).toEqual({ stderr: expect.stringMatching(/^<4>.*: .+\n$/), exitCode: 1 });
    },
  );
});
