import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { buildOnce, lackAfter, runUntil } from "./go-build.ts";

/** Runs a program that is called go. @returns what keeps it from building */
function lackWith(script: string, endsAtMs?: number) {
  const folder = temporaryFolder();
  const go = join(folder, "go");
  writeFileSync(go, `#!/bin/sh\n${script}`);
  chmodSync(go, 0o755);
  return lackAfter("etcd", () => runUntil(endsAtMs, go, ["build"], folder, process.env))[0];
}

it.each([
  ["package a imports b from implicit package", "error"],
  ["go: example.com/a@v1.0.0: verifying module: checksum mismatch\nhttps://a.example: 404 Not Found", "error"],
  ['go: example.com/a@v1.0.0: Get "https://proxy.example": dial tcp: lookup proxy.example: no such host', "network"],
  ["go: example.com/a@v1.0.0: reading https://proxy.example/a.info: 404 Not Found", "network"],
  ["go: download go1.27.0 for linux/amd64: toolchain not available", "network"],
  ["fatal: unable to access 'https://github.com/a/': Could not resolve host: github.com", "network"],
  ["E: Failed getting release file http://deb.example/dists/bookworm/Release", "network"],
])("a build that says %j fails with the cause %s", (said, cause) => {
  const reason = expect.stringMatching(/^etcd is not built: \/.*\/go build failed: /);
  expect(lackWith(`cat >&2 <<'END'\n${said}\nEND\nexit 1`)).toEqual({ cause, reason });
});

it("a download that reports its error on stdout, as JSON, fails because of the network", () => {
  const said = '"Error": "reading https://proxy.example/a.info: 404 Not Found"';
  const lack = lackWith(`printf '{\\n\\t${said}\\n}\\n'; exit 1`);
  expect(lack).toEqual({ cause: "network", reason: expect.stringContaining(said) });
});

it("a missing program is an error", () => {
  const [lack] = lackAfter("etcd", () => runUntil(undefined, "/nowhere/go", [], "/", process.env));
  expect(lack).toEqual({ cause: "error", reason: expect.stringContaining("/nowhere/go ENOENT") });
});

it("a build ends with its time, and can first keep what it made", () => {
  const kept = join(temporaryFolder(), "kept");
  const lack = lackWith(`trap 'echo yes >${kept}; exit 1' INT\nwhile :; do sleep 0.1; done`, performance.now() + 2_000);
  expect(lack).toEqual({ cause: "time", reason: expect.stringContaining("the time was over during") });
  expect(runUntil(undefined, "cat", [kept], "/", process.env)).toBe("yes\n");
});

it("a build without time left does not start, but what is there is used", () => {
  expect(lackWith("exit 0", performance.now() - 1)).toEqual({
    cause: "time",
    reason: expect.stringContaining("there was no time left for"),
  });
  const build = { path: import.meta.filename, folder: "/", args: [], endsAtMs: performance.now() - 1 };
  expect(lackAfter("etcd", () => buildOnce(build))).toEqual([]);
});
