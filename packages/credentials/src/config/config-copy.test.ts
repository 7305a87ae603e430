import type * as foundation from "@ocir-broker/foundation/regular-file";
import { describe, expect, it, vi } from "vitest";
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

const COPY = { "/run/ocir-broker/config.yaml": "log: { level: debug }" };

describe("loadConfig", () => {
  it("reads the launcher's copy if the daemon may not read the configuration", () => {
    files = COPY;
    expect(loadConfig({ environment: {} }).config.log.level).toBe("debug");
  });

  it("reports an unreadable configuration if there is no copy", () => {
    files = {};
    expect(() => loadConfig({ environment: {} })).toThrow(
      expect.objectContaining({ code: "config-unreadable", message: expect.stringContaining("/etc/ocir-broker/") }),
    );
  });

  it("never reads the copy instead of a named file", () => {
    files = COPY;
    expect(() => loadConfig({ path: "/etc/other.yaml", environment: {} })).toThrow("/etc/other.yaml");
  });
});
