import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { prepareOutputFolder } from "./output-folder.ts";

describe("prepareOutputFolder", () => {
  it("replaces the default folder at the end of a run, also after one that was interrupted", () => {
    const folder = join(temporaryFolder(), "dist/packages");
    const make = (file: string) => {
      const output = prepareOutputFolder(folder, true);
      writeFileSync(join(output.unfinished, file), "");
      return output;
    };
    make("old.deb").finish();
    make("half.deb");
    expect(readdirSync(folder)).toEqual(["old.deb"]);
    make("new.deb").finish();
    expect(readdirSync(folder)).toEqual(["new.deb"]);
  });

  it("takes an empty folder, and refuses one with files, which it leaves unchanged", () => {
    const folder = temporaryFolder();
    prepareOutputFolder(folder, false).finish();
    writeFileSync(join(folder, "thesis.txt"), "");
    mkdirSync(join(folder, ".git"));
    expect(() => prepareOutputFolder(folder, false)).toThrow("is not empty: name a new folder");
    expect(readdirSync(folder)).toEqual([".git", "thesis.txt"]);
  });

  it("refuses a file", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(() => prepareOutputFolder(file, false)).toThrow("ENOTDIR");
  });
});
