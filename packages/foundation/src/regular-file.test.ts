import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileErrorOf } from "./file-error.ts";
import { readRegularFile } from "./regular-file.ts";

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

function makeFolder(): string {
  return fs.mkdtempSync(join(tmpdir(), "regular-file-"));
}

/** The code that a command prints. */
function refusal(path: string, options?: Parameters<typeof readRegularFile>[1]): string | undefined {
  try {
    readRegularFile(path, options);
    return undefined;
  } catch (error) {
    return fileErrorOf(error)?.code;
  }
}

describe("readRegularFile", () => {
  test("reads a file, through a link, and one in /proc, which has no size", () => {
    const folder = makeFolder();
    fs.writeFileSync(join(folder, "file"), "text");
    fs.symlinkSync("file", join(folder, "link"));
    expect(readRegularFile(join(folder, "link")).toString()).toBe("text");
    expect(readRegularFile("/proc/self/status").toString()).toMatch(/^Name:/);
  });

  test("refuses a pipe (without waiting for its writer), a device, a folder and a missing file", () => {
    const folder = makeFolder();
    execFileSync("mkfifo", [join(folder, "pipe")]);
    expect(refusal(join(folder, "pipe"))).toBe("file-not-regular");
    expect(refusal("/dev/zero")).toBe(isRoot ? "path-untrusted" : "file-not-regular");
    expect(refusal(folder)).toBe("file-is-folder");
    expect(refusal(join(folder, "missing"))).toBe("file-missing");
  });

  test("refuses a file beyond the limit", () => {
    const path = join(makeFolder(), "large");
    fs.writeFileSync(path, "1234");
    expect(readRegularFile(path, { maxBytes: 4 }).toString()).toBe("1234");
    expect(refusal(path, { maxBytes: 3 })).toBe("file-too-large");
    fs.truncateSync(path, 5 * 1024 * 1024);
    expect(refusal(path)).toBe("file-too-large");
  });

  test("lets the caller refuse a file by its owner and mode", () => {
    const path = join(makeFolder(), "file");
    fs.writeFileSync(path, "text", { mode: 0o640 });
    const check = ({ mode }: { mode: number }) => {
      if ((mode & 0o077) !== 0) throw new Error("loose");
    };
    expect(() => readRegularFile(path, { check })).toThrow("loose");
    fs.chmodSync(path, 0o600);
    expect(readRegularFile(path, { check }).toString()).toBe("text");
  });
});

describe.runIf(isRoot)("readRegularFile as root", () => {
  /** A private file of root's, and a folder of another user. */
  function arrange() {
    const folder = makeFolder();
    const [secret, theirs] = [join(folder, "secret"), join(folder, "theirs")];
    fs.writeFileSync(secret, "secret", { mode: 0o600 });
    fs.mkdirSync(theirs);
    fs.chownSync(theirs, NOBODY, NOBODY);
    return { folder, secret, theirs };
  }

  test.each<[string, (at: ReturnType<typeof arrange>) => string]>([
    [
      "a path that goes up from another user's link",
      ({ folder, theirs }) => {
        fs.mkdirSync(join(folder, "away/far/off"), { recursive: true });
        for (const path of ["away/file", "file"]) fs.writeFileSync(join(folder, path), "text");
        fs.symlinkSync(join(folder, "away/far/off"), join(theirs, "link"));
        return `${theirs}/link/../../file`;
      },
    ],
    [
      "a hard link to root's file in a sticky folder",
      ({ folder, secret }) => {
        fs.mkdirSync(join(folder, "sticky"));
        fs.chmodSync(join(folder, "sticky"), 0o1777);
        fs.linkSync(secret, join(folder, "sticky/file"));
        return join(folder, "sticky/file");
      },
    ],
  ])("refuses %s", (_what, path) => {
    expect(refusal(path(arrange()))).toBe("path-untrusted");
  });

  test("reports a missing file as missing, whoever owns the folder", () => {
    const { theirs } = arrange();
    expect(refusal(join(theirs, "missing"))).toBe("file-missing");
    expect(refusal(join(tmpdir(), "regular-file-missing"))).toBe("file-missing");
  });

  test("reads a systemd credential in the service user's folder, but follows no link there", () => {
    const { folder, secret, theirs } = arrange();
    const isSystemdCredential = true;
    fs.writeFileSync(join(theirs, "credential"), "text");
    expect(refusal(join(theirs, "credential"))).toBe("path-untrusted");
    expect(readRegularFile(join(theirs, "credential"), { isSystemdCredential }).toString()).toBe("text");
    fs.symlinkSync(secret, join(theirs, "link"));
    expect(() => readRegularFile(join(theirs, "link"), { isSystemdCredential })).toThrow("ELOOP");
    fs.symlinkSync(folder, join(theirs, "folder"));
    expect(refusal(join(theirs, "folder/secret"), { isSystemdCredential })).toBe("path-untrusted");
  });
});
