import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { BROKER } from "../daemon.ts";

it("a command keeps the variables that it reads, and ignores those of Node and OpenSSL", () => {
  const directory = temporaryFolder();
  const neverWritten = join(directory, "openssl.cnf");
  execFileSync("mkfifo", [neverWritten]);
  const [code, mark] = [join(directory, "code.cjs"), join(directory, "loaded")];
  writeFileSync(code, `require("node:fs").writeFileSync(${JSON.stringify(mark)}, "")`);
  const env = {
    HTTPS_PROXY: "nonsense://proxy",
    NODE_V8_COVERAGE: join(directory, "coverage"),
    NODE_DEBUG: "net,http",
    NODE_OPTIONS: `--require=${code} --no-such-option`,
    OPENSSL_CONF: neverWritten,
  };
  // Reading a pipe without a writer blocks until the process is killed.
  const { status, stderr } = spawnSync(BROKER, ["config", "print"], { env, encoding: "utf8", timeout: 20_000 });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^ocir-broker: config-invalid:[^\n]*\n *HTTPS_PROXY: [^\n]*\n$/);
  expect([mark, env.NODE_V8_COVERAGE].filter((path) => existsSync(path))).toEqual([]);
});
