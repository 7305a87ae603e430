import { chmodSync, lchownSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { distrustOf } from "./trusted-path.ts";

const ownerId = process.getuid?.() ?? 0;

function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "trusted-path-"));
  for (const folder of ["etc", "usr", "usr/bin", "home", "tmp"]) mkdirSync(join(root, folder), { mode: 0o755 });
  for (const file of ["usr/bin/kubelet", "home/kubelet"]) writeFileSync(join(root, file), "", { mode: 0o755 });
  chmodSync(join(root, "home"), 0o775);
  chmodSync(join(root, "tmp"), 0o1777);
  symlinkSync("../usr/bin/kubelet", join(root, "etc/relative"));
  symlinkSync("/usr/bin", join(root, "etc/absolute"));
  symlinkSync("/home/back", join(root, "etc/through-home"));
  symlinkSync("/usr/bin/kubelet", join(root, "home/back"));
  symlinkSync("loop", join(root, "etc/loop"));
  return root;
}

describe("distrustOf", () => {
  test.each([
    "/usr/bin/kubelet",
    "/usr/bin/../bin/./kubelet",
    "/etc/relative",
    "/etc/absolute/kubelet",
    "/etc/not/there/yet",
    "/",
  ])("trusts %s", (path) => {
    expect(distrustOf(path, { root: makeRoot(), ownerId })).toBeUndefined();
  });

  test.each([
    ["/home/kubelet", "/home has mode 775"],
    ["/home/not/there", "/home has mode 775"],
    ["/tmp/kubelet", "/tmp has mode 1777"],
    ["/etc/../tmp/kubelet", "/tmp has mode 1777"],
    ["/etc/through-home", "/home has mode 775"],
    ["/etc/loop", "/etc/loop has more than 40 links"],
    ["/not/there/../../home/kubelet", "/not/there/../../home/kubelet goes up from a folder that does not exist"],
    ["usr/bin/kubelet", "usr/bin/kubelet is not an absolute path"],
    ["/usr/a\nb", "/usr/a\\u{a}b has control characters"],
  ])("refuses %j: %s", (path, reason) => {
    expect(distrustOf(path, { root: makeRoot(), ownerId })).toBe(reason);
  });

  test("refuses a path with a folder of another user", () => {
    const root = makeRoot();
    const other = { root, ownerId: ownerId + 1 };
    expect(distrustOf("/usr/bin/kubelet", other)).toBe(`/ belongs to user ${ownerId}`);
  });

  test.runIf(ownerId === 0)("refuses a link of another user", () => {
    const root = makeRoot();
    lchownSync(join(root, "etc/relative"), 65_534, 65_534);
    expect(distrustOf("/etc/relative", { root, ownerId })).toBe("/etc/relative belongs to user 65534");
  });

  test("accepts a sticky folder on request, but only as the parent of a folder of the owner", () => {
    const options = { root: makeRoot(), ownerId, acceptsStickyFolders: true };
    mkdirSync(join(options.root, "tmp/own"));
    for (const name of ["own/file", "file"]) writeFileSync(join(options.root, "tmp", name), "");
    symlinkSync("own", join(options.root, "tmp/link"));
    expect(distrustOf("/tmp/own/file", { ...options, acceptsStickyFolders: false })).toBe("/tmp has mode 1777");
    expect(distrustOf("/tmp/own/file", options)).toBeUndefined();
    for (const path of ["/tmp", "/tmp/file", "/tmp/missing", "/tmp/link/file", "/tmp/own/../file"])
      expect(distrustOf(path, options), path).toBe("/tmp has mode 1777");
    expect(distrustOf("/home/kubelet", options)).toBe("/home has mode 775");
  });
});
