import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { MARKER, prepareOutputFolder } from "./output-folder.ts";

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ocir-output-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

describe("prepareOutputFolder", () => {
  it("makes a folder, and empties it the next time", () => {
    const folder = join(makeFolder(), "new/folder");
    prepareOutputFolder(folder);
    writeFileSync(join(folder, "old.deb"), "");
    mkdirSync(join(folder, "half"));
    prepareOutputFolder(folder);
    expect(readdirSync(folder)).toEqual([MARKER]);
  });

  it("takes an empty folder", () => {
    const folder = makeFolder();
    prepareOutputFolder(folder);
    expect(readdirSync(folder)).toEqual([MARKER]);
  });

  it("refuses a folder with somebody's files, and leaves them", () => {
    const folder = makeFolder();
    writeFileSync(join(folder, "thesis.txt"), "");
    mkdirSync(join(folder, ".git"));
    expect(() => prepareOutputFolder(folder)).toThrow("is not empty, and npm run package did not make it");
    expect(readdirSync(folder)).toEqual([".git", "thesis.txt"]);
  });

  it("refuses a file", () => {
    const file = join(makeFolder(), "file");
    writeFileSync(file, "");
    expect(() => prepareOutputFolder(file)).toThrow("ENOTDIR");
  });
});
