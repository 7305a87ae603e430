import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, onTestFinished, test } from "vitest";
import {
  changeableByAll,
  changeableByOthers,
  isCopiedForDaemon,
  isReadableByAll,
  unreadableForDaemon,
  whyUnusable,
} from "./file-access.ts";

/** An empty file in a folder with these modes. */
function fileWith(fileMode: number, folderMode: number): string {
  const folder = temporaryFolder();
  const path = join(folder, "config.yaml");
  writeFileSync(path, "");
  chmodSync(path, fileMode);
  chmodSync(folder, folderMode);
  return path;
}

/** A link to the file, in a folder of its own. */
function linkTo(path: string): string {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const link = join(folder, "link.yaml");
  symlinkSync(path, link);
  return link;
}

const OURS = `root:x:0:\nocir-broker-daemon:x:${process.getgid?.()}:\n`;
const ANOTHERS = "root:x:0:\nocir-broker-daemon:x:64242:\n";
const OWN_ID = process.getuid?.() ?? 0;

test.each([
  ["for everyone", 0o644, 0o755, ANOTHERS, undefined, undefined],
  ["readable by root", 0o600, 0o755, ANOTHERS, /its mode is 0600/, "chgrp ocir-broker-daemon PATH; chmod 0640 PATH"],
  ["readable by root, if there is no group", 0o600, 0o755, "", /its mode is 0600/, /chgrp/],
  ["readable by the daemon's group", 0o640, 0o750, OURS, undefined, undefined],
  ["readable by another group", 0o640, 0o755, ANOTHERS, /its mode is 0640/, /chgrp/],
  ["readable by everyone except the daemon's group", 0o604, 0o755, OURS, /its mode is 0604/, /chgrp/],
  ["in a folder with mode 700", 0o644, 0o700, ANOTHERS, /may not enter \/\S+, so/, /^put the file into a folder/],
])("unreadableForDaemon checks the access to a file %s", (_what, fileMode, folderMode, groups, what, fix) => {
  const path = fileWith(fileMode, folderMode);
  const found = unreadableForDaemon(path, { groups, hiddenFolders: [] });
  if (what === undefined) expect(found).toBeUndefined();
  else {
    expect(found?.what).toMatch(what);
    expect(found?.fix).toMatch(typeof fix === "string" ? fix.replaceAll("PATH", path) : fix);
  }
});

test("unreadableForDaemon names the folder of a link's target that the daemon may not enter, and replaces the link", () => {
  const target = fileWith(0o644, 0o700);
  const link = linkTo(target);
  expect(unreadableForDaemon(link, { groups: ANOTHERS, hiddenFolders: [] })).toEqual({
    what: `the daemon's user may not enter ${join(target, "..")}, so the daemon cannot read the configuration`,
    fix: `install -m 0600 ${target} ${link}`,
    isFolder: true,
  });
});

test("unreadableForDaemon counts a folder that the unit hides", () => {
  const path = fileWith(0o644, 0o755);
  expect(unreadableForDaemon(path, { groups: ANOTHERS, hiddenFolders: [join(path, "..")] })).toMatchObject({
    isFolder: true,
  });
});

test("unreadableForDaemon returns undefined when there is no file", () => {
  expect(unreadableForDaemon("/nowhere/config.yaml", { groups: OURS })).toBeUndefined();
});

test("unreadableForDaemon knows the node's own groups and the folders that the unit hides", () => {
  expect(unreadableForDaemon("/tmp/config.yaml")).toMatchObject({ isFolder: true });
});

/** Not in /tmp, whose own mode counts. */
function trustedFile(mode: number): string {
  const folder = mkdtempSync(join("/run", "ocir-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const path = join(folder, "config.yaml");
  writeFileSync(path, "");
  chmodSync(path, mode);
  return path;
}

test.runIf(OWN_ID === 0)("whyUnusable names what others can change, once, with the command that mends it", () => {
  const path = trustedFile(0o644);
  const folder = join(path, "..");
  const own = { groups: ANOTHERS };
  expect(whyUnusable(path, own)).toBeUndefined();
  const both = `${folder} ${path}`;
  const fix = `chown root ${both}; chmod go-w ${both}`;
  const because = (why: string) => ({
    what: `other users can change the configuration (${why}), so the configuration is not used`,
    fix,
  });
  expect(changeableByOthers(path, { ownerId: 64_242 })).toEqual(because("/ belongs to user 0"));
  chmodSync(path, 0o666);
  expect(whyUnusable(path, own)).toEqual(because(`${path} has mode 666`));
  chmodSync(path, 0o600);
  expect(whyUnusable(path, own)).toBeUndefined();
  chmodSync(folder, 0o777);
  expect(whyUnusable(path, own)).toEqual(because(`${folder} has mode 777`));
  const link = join(trustedFile(0o644), "..", "link.yaml");
  symlinkSync(path, link);
  expect(whyUnusable(link, own)?.fix).toBe(`install -m 0600 ${path} ${link}`);
  chmodSync(folder, 0o700);
  expect(whyUnusable(link, own)).toMatchObject({ isFolder: true });
  chmodSync(folder, 0o755);
  expect(whyUnusable(link, own)).toMatchObject({ isFolder: false, fix: `install -m 0600 ${path} ${link}` });
});

test("changeableByAll checks a person's own file", () => {
  expect(changeableByAll(fileWith(0o664, 0o775))).toBeUndefined();
  const path = fileWith(0o666, 0o755);
  expect(changeableByAll(path)).toMatchObject({ fix: `chmod o-w ${path}` });
});

test.each([
  [0o644, 0o755, true],
  [0o640, 0o755, false],
  [0o644, 0o750, false],
])("isReadableByAll with file mode %o in a folder of mode %o is %s", (fileMode, folderMode, expected) => {
  expect(isReadableByAll(fileWith(fileMode, folderMode))).toBe(expected);
});

test("unreadableForDaemon returns undefined for a link to itself", () => {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const link = join(folder, "loop");
  symlinkSync(link, link);
  expect(unreadableForDaemon(link, { groups: OURS, hiddenFolders: [] })).toBeUndefined();
});

test("isReadableByAll is false for a file that does not exist", () => {
  expect(isReadableByAll("/nowhere/config.yaml")).toBe(false);
});

test.each([
  ["a file that only its owner can access", 0o600, 0o755, OWN_ID, true],
  ["a file in a folder that only its owner can write", 0o644, 0o700, OWN_ID, true],
  ["a file that its group can write", 0o660, 0o755, OWN_ID, false],
  ["a file in a folder that everyone can write", 0o600, 0o777, OWN_ID, false],
  ["a file of another user", 0o600, 0o755, OWN_ID + 1, false],
])("isCopiedForDaemon checks %s", (_what, fileMode, folderMode, ownerId, expected) => {
  expect(isCopiedForDaemon(fileWith(fileMode, folderMode), ownerId)).toBe(expected);
});

test("isCopiedForDaemon returns false for a link, a folder and a missing file", () => {
  const root = temporaryFolder();
  writeFileSync(join(root, "target"), "", { mode: 0o600 });
  symlinkSync("target", join(root, "link"));
  mkdirSync(join(root, "folder"));
  for (const name of ["link", "folder", "nothing"]) expect(isCopiedForDaemon(join(root, name), OWN_ID)).toBe(false);
});
