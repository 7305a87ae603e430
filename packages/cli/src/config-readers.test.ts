import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, test } from "vitest";
import { isCopiedForDaemon, unreadableForDaemon } from "./config-readers.ts";

/** An empty file in a folder with these modes. */
function fileWith(fileMode: number, folderMode: number): string {
  const folder = temporaryFolder();
  const path = join(folder, "config.yaml");
  writeFileSync(path, "");
  chmodSync(path, fileMode);
  chmodSync(folder, folderMode);
  return path;
}

const OURS = `root:x:0:\nocir-broker-daemon:x:${process.getgid?.()}:\n`;
const ANOTHERS = "root:x:0:\nocir-broker-daemon:x:64242:\n";

test.each([
  ["for everyone", 0o644, 0o755, ANOTHERS, undefined],
  ["readable by root", 0o600, 0o755, ANOTHERS, /config\.yaml has mode 0600; chgrp ocir-broker-daemon .*chmod 0640 /],
  ["readable by root, if there is no group", 0o600, 0o755, "", /config\.yaml has mode 0600/],
  ["readable by the daemon's group", 0o640, 0o750, OURS, undefined],
  ["readable by another group", 0o640, 0o755, ANOTHERS, /config\.yaml has mode 0640/],
  ["readable by everyone except the daemon's group", 0o604, 0o755, OURS, /config\.yaml has mode 0604/],
  ["in a folder with mode 700", 0o644, 0o700, ANOTHERS, /ocir-\w+ has mode 0700, which that user may not enter$/],
])("unreadableForDaemon checks the access to a file %s", (_what, fileMode, folderMode, groups, expected) => {
  const path = fileWith(fileMode, folderMode);
  if (expected === undefined) expect(unreadableForDaemon(path, groups)).toBeUndefined();
  else expect(unreadableForDaemon(path, groups)).toMatch(expected);
});

test("unreadableForDaemon returns undefined when there is no file", () => {
  expect(unreadableForDaemon("/nowhere/config.yaml", OURS)).toBeUndefined();
});

const OWN_ID = process.getuid?.() ?? 0;

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
