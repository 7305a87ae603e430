import fs from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { replaceFile } from "./config-files.ts";

describe("replaceFile", () => {
  test.each([0o600, 0o640, 0o644])("keeps mode %o, and leaves no other file in the folder", (mode) => {
    const folder = temporaryFolder();
    const path = join(folder, "config.yaml");
    fs.writeFileSync(path, "old");
    fs.chmodSync(path, mode);
    replaceFile(path, "new");
    expect([fs.readFileSync(path, "utf8"), fs.statSync(path).mode & 0o777]).toEqual(["new", mode]);
    expect(fs.readdirSync(folder)).toEqual(["config.yaml"]);
  });

  test("creates a missing file that all users can read, and leaves nothing when the folder is missing", () => {
    const path = join(temporaryFolder(), "config.yaml");
    replaceFile(path, "new");
    expect([fs.readFileSync(path, "utf8"), fs.statSync(path).mode & 0o777]).toEqual(["new", 0o644]);
    expect(() => replaceFile(join(path, "x/y"), "new")).toThrow(/^file-/);
  });

  test("replaces the target of a symbolic link", () => {
    const folder = temporaryFolder();
    const [link, target] = [join(folder, "link.yaml"), join(folder, "target.yaml")];
    fs.writeFileSync(target, "old");
    fs.symlinkSync("target.yaml", link);
    replaceFile(link, "new");
    expect([fs.readFileSync(target, "utf8"), fs.lstatSync(link).isSymbolicLink()]).toEqual(["new", true]);
  });

  test.runIf(process.geteuid?.() === 0)("keeps the owner", () => {
    const path = join(temporaryFolder(), "config.yaml");
    fs.writeFileSync(path, "old");
    fs.chownSync(path, 65_534, 65_533);
    replaceFile(path, "new");
    expect(fs.statSync(path)).toMatchObject({ uid: 65_534, gid: 65_533 });
  });
});
