import { execFileSync } from "node:child_process";
import { chmodSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, test } from "vitest";
import { createNodeFiles, textOf } from "./node-files.ts";

describe("createNodeFiles", () => {
  test("reads paths relative to its root", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "b"), "text");
    writeFileSync(join(folder, "a"), "");
    const files = createNodeFiles(folder);
    expect(files.locate("/b")).toBe(join(folder, "b"));
    expect(textOf(files.readText("/b"))).toBe("text");
    expect(files.list("/")).toEqual({ value: ["a", "b"] });
    expect(createNodeFiles("/").locate("/b")).toBe("/b");
  });

  test("reports why it cannot read a file", () => {
    const files = createNodeFiles(temporaryFolder());
    expect(files.readText("/no")).toEqual({ failure: "ENOENT" });
    expect(files.readText("/")).toEqual({ failure: "EISDIR" });
    expect(textOf(files.readText("/no"))).toBeUndefined();
    expect(files.isForbidden("/no")).toBe(false);
  });

  test("does not wait for a pipe's writer, or read without a limit", () => {
    const folder = temporaryFolder();
    execFileSync("mkfifo", [join(folder, "pipe")]);
    writeFileSync(join(folder, "large"), "");
    truncateSync(join(folder, "large"), 5 * 1024 * 1024);
    const files = createNodeFiles(folder);
    expect(files.readText("/pipe")).toEqual({ failure: "file-not-regular" });
    expect(files.readText("/large")).toEqual({ failure: "file-too-large" });
    expect(createNodeFiles("/").readText("/dev/zero")).toHaveProperty("failure");
  });

  test("treats a file as a program only when it is executable", () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "program"), "");
    const files = createNodeFiles(folder);
    expect(files.isExecutable("/program")).toBe(false);
    chmodSync(join(folder, "program"), 0o755);
    expect(files.isExecutable("/program")).toBe(true);
    expect(files.isExecutable("/")).toBe(false);
  });
});
