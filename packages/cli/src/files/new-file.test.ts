import { chownSync, existsSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, test } from "vitest";
import { refuseExisting, writeNewFile } from "./new-file.ts";

test("writeNewFile creates a file that only its owner can read", () => {
  const path = join(temporaryFolder(), "new");
  refuseExisting(path);
  writeNewFile(path, "text");
  expect(readFileSync(path, "utf8")).toBe("text");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test.each([refuseExisting, writeNewFile])("$name leaves another user's file unchanged", (refuse) => {
  const path = join(temporaryFolder(), "theirs");
  writeFileSync(path, "theirs");
  if (process.getuid?.() === 0) chownSync(path, 65_534, 65_534);
  expect(() => refuse(path, "ours")).toThrow(/^file-exists: .*theirs: it already exists and is not replaced; /);
  expect(readFileSync(path, "utf8")).toBe("theirs");
});

test.each([refuseExisting, writeNewFile])("$name does not follow a symbolic link, dangling or not", (refuse) => {
  const folder = temporaryFolder();
  const [link, target] = [join(folder, "link"), join(folder, "target")];
  symlinkSync(target, link);
  expect(() => refuse(link, "ours")).toThrow("file-exists");
  expect(existsSync(target)).toBe(false);
  writeFileSync(target, "kept");
  expect(() => refuse(link, "ours")).toThrow("file-exists");
  expect([readFileSync(target, "utf8"), readlinkSync(link)]).toEqual(["kept", target]);
});
