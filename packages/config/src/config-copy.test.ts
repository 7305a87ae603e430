import type * as fs from "node:fs";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type * as foundation from "@ocir-broker/foundation/regular-file";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it, vi } from "vitest";
import type * as access from "./file-access.ts";
import { loadConfig } from "./load.ts";

/** Files by their paths; a path that is not here may not be read. */
let files: Readonly<Record<string, string>>;

vi.mock("@ocir-broker/foundation/regular-file", async (importOriginal) => ({
  ...(await importOriginal<typeof foundation>()),
  readRegularFile: (path: string) => {
    if (path in files) return Buffer.from(files[path] ?? "");
    throw Object.assign(new Error(path), { code: "EACCES", syscall: "open" });
  },
}));

let hasCopy = false;

vi.mock("node:fs", async (importOriginal) => ({ ...(await importOriginal<typeof fs>()), existsSync: () => hasCopy }));

const CLOSED = "the daemon's user may not enter /etc/ocir-broker/";
const OPEN = "other users can change the configuration";

vi.mock("./file-access.ts", async (importOriginal) => ({
  ...(await importOriginal<typeof access>()),
  whyUnusable: () => ({ what: CLOSED, fix: "move it" }),
  changeableByOthers: () => ({ what: OPEN, fix: "close it" }),
}));

const COPY = { "/run/ocir-broker/config.yaml": "log: { level: debug }" };

describe("loadConfig", () => {
  it("reads the launcher's copy if the daemon may not read the configuration", () => {
    files = COPY;
    expect(loadConfig({ environment: {} }).config.log.level).toBe("debug");
  });

  it("reports an unreadable configuration if there is no copy", () => {
    files = {};
    expect(() => loadConfig({ environment: {} })).toThrow(
      expect.objectContaining({ code: "config-unreadable", message: `${CLOSED}; move it` }),
    );
  });

  it("does not say to an ordinary user that the daemon cannot read a configuration of which it has a copy", () => {
    files = {};
    hasCopy = true;
    expect(() => loadConfig({ environment: {} })).toThrow(
      "/etc/ocir-broker/config.yaml: permission denied; run the command as root",
    );
  });

  it.each([
    [0, `${CLOSED}; move it`],
    [1_000, `${OPEN}; close it`],
  ])("does not use the node's file against the rules for user %i", (userId, message) => {
    files = { "/etc/ocir-broker/config.yaml": "" };
    vi.spyOn(process, "geteuid").mockReturnValue(userId);
    expect(() => loadConfig({ environment: {} })).toThrow(expect.objectContaining({ message }));
    vi.restoreAllMocks();
  });

  it("does not use a person's own file that every user can change", () => {
    const path = join(temporaryFolder(), "config.yaml");
    writeFileSync(path, "");
    chmodSync(path, 0o666);
    files = { [path]: "" };
    vi.spyOn(process, "geteuid").mockReturnValue(1_000);
    expect(() => loadConfig({ path, environment: {} })).toThrow(`; chmod o-w ${path}`);
    vi.restoreAllMocks();
  });

  it("never reads the copy instead of a named file", () => {
    files = COPY;
    expect(() => loadConfig({ path: "/etc/other.yaml", environment: {} })).toThrow("/etc/other.yaml");
  });
});
