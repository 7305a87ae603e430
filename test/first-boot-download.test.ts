/** The download of ocir-broker-node.sh with a curl that ignores --max-filesize if no size is announced, as curl does before 8.4. */
import { execFile } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it, onTestFinished } from "vitest";

const SCRIPT = readFileSync(join(import.meta.dirname, "../cloud-init/ocir-broker-node.sh"), "utf8");
const LIMIT_BYTES = 1_024_000;
/** Without the option and its value. */
const OLD_CURL = `#!/bin/sh
for argument; do
  shift
  case $argument in --max-filesize) ;; 300000000) ;; *) set -- "$@" "$argument" ;; esac
done
exec /usr/bin/curl "$@"
`;

function functionOf(name: string): string | undefined {
  return new RegExp(`^${name}\\(\\) \\{(?:[^\\n]*\\}[^\\n]*\\n|.*?^\\}\\n)`, "ms").exec(SCRIPT)?.[0];
}

it("unpack refuses an archive with a wrong checksum, also on a node without a system log", async () => {
  const work = temporaryFolder();
  const program = (name: string, script: string) =>
    writeFileSync(join(work, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  program("logger", "exit 1");
  program("tar", "echo unpacked");
  for (const arch of ["amd64", "arm64"]) writeFileSync(join(work, `ocir-broker-1-linux-${arch}.tar.gz`), "forged");
  const script = `set -u; version=1 sha256_amd64=0 sha256_arm64=0 signal= reason= sources=$state; sleep() { :; }
${["fail", "log", "fetch", "unpack"].map(functionOf).join("")}
unpack || printf %s "$reason"`;
  const env = { PATH: `${work}:/usr/bin:/bin`, work: join(work, "unpacked"), state: work };
  const { stdout } = await promisify(execFile)("sh", ["-c", script], { env });
  expect(stdout).toMatch(/^checksum: /);
});

it.each([
  ["sh", 1, /^$/],
  ["sh", 2 * LIMIT_BYTES, /^download: archive cannot be fetched: curl: \(23\)/],
  ["bash", 2 * LIMIT_BYTES, /^download: archive cannot be fetched: curl: \(23\)/],
])("fetch in %s limits a body of %i bytes without an announced length", async (shell, bytes, why) => {
  const work = temporaryFolder();
  writeFileSync(join(work, "curl"), OLD_CURL, { mode: 0o755 });
  const server = createServer((_request, response) => {
    response.write("a");
    response.end("a".repeat(bytes - 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const [fail, fetch] = ["fail", "fetch"].map(functionOf);
  const blocks = LIMIT_BYTES / (shell === "sh" ? 512 : 1_024);
  const script = `set -u; archive=archive signal= reason=; sleep() { :; }
${fail}${fetch?.replace(/ulimit -f \d+/, `ulimit -f ${blocks}`)}
fetch "$1" || printf %s "$reason"`;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const env = { PATH: `${work}:/usr/bin:/bin`, work, state: work };
  const { stdout } = await promisify(execFile)(shell, ["-c", script, "sh", url], { env });
  expect(stdout).toMatch(why);
  expect(statSync(join(work, "archive")).size).toBeLessThanOrEqual(LIMIT_BYTES);
});
