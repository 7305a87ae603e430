import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, expect, it, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { startAnswering } from "../../test/raw-socket-server.ts";
import { callShim, describeDockerHelper, lineOf, success } from "../../test/shim-call.ts";

const RESPONSE = '{"ServerURL":"icn.ocir.io","Username":"BEARER_TOKEN","Secret":"x"}\n';

describeDockerHelper("docker-credential-ocir", (built) => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = temporaryFolder();
    path = join(directory, "docker-credential-ocir");
    copyFileSync(built, path);
  });

  const call = (verb: string, socketPath = "/nowhere", stdin = "icn.ocir.io\n") =>
    callShim(path, socketPath, { args: [verb], stdin });

  /** By the protocol, the message is on stdout, the exit status is 1, and stderr is empty. */
  const refusal = (text: string) => ({ exitCode: 1, stdout: text, stderr: "" });

  it.each([
    ["that no credentials exist", "404 Not Found", "credentials not found in native keychain"],
    ["the error and its fix", "504 Gateway Timeout", "ocir-broker: wait-timeout: no token was available in time; wait"],
  ])("get writes to stdout %s", async (_what, status, line) => {
    await using server = await startAnswering(status, `${line}\n`);
    expect(await call("get", server.path)).toEqual(refusal(`${line}\n`));
  });

  it("get writes a refusal's text for the client to stdout, and the reason to stderr", async () => {
    const [text, reason] = [
      "credentials not found in native keychain\n",
      "ocir-broker: root-helper-refused: why; fix\n",
    ];
    await using server = await startAnswering("403 Forbidden", `${text}${reason}`);
    expect(await call("get", server.path)).toEqual({ exitCode: 1, stdout: text, stderr: reason });
  });

  test.each([
    ["get", "icn.ocir.io", "shim-broker-missing"],
    ["get", "", "shim-request-empty"],
    ["login", "", "shim-verb-unknown"],
  ])("%s with %j on stdin is refused on stdout", async (verb, stdin, code) => {
    expect(await call(verb, "/nowhere", stdin)).toEqual(refusal(expect.stringMatching(lineOf(code))));
  });

  test.each([
    ["store", '{"ServerURL":"icn.ocir.io","Username":"u","Secret":"s"}'],
    ["erase", "icn.ocir.io"],
  ])(
    "%s succeeds, so that docker's login and logout do, and says on stderr that nothing is stored",
    async (verb, stdin) => {
      const stderr = expect.stringMatching(lineOf("shim-nothing-stored"));
      expect(await call(verb, "/nowhere", stdin)).toEqual({ exitCode: 0, stdout: "", stderr });
    },
  );

  /** As a user who is not root, if the tests run as root; setpriv keeps the environment. */
  function callAsUser(env: Readonly<Record<string, string>>) {
    const set = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const asUser = process.geteuid?.() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups"] : [];
    const args = ["--unset=OCIR_BROKER_SOCKET", ...set, ...asUser, path, "get"];
    return callShim("/usr/bin/env", "/nowhere", { args, stdin: "icn.ocir.io\n" });
  }

  it("get executes ocir-broker next to its file if there is no daemon, with server URL and environment", async () => {
    const elsewhere = mkdtempSync(join(directory, "bin-"));
    symlinkSync(path, join(elsewhere, "docker-credential-ocir"));
    for (const folder of [directory, elsewhere]) chmodSync(folder, 0o755);
    const env = { OCI_CLI_USER: "me" };
    const missing = await callAsUser(env);
    expect(missing.stdout).toMatch(lineOf("shim-broker-missing"));
    expect(missing.stdout).toContain(` ${join(directory, "ocir-broker")};`);
    path = join(elsewhere, "docker-credential-ocir");
    const program = join(directory, "ocir-broker");
    writeFileSync(program, '#!/bin/sh\necho "$* $(cat) $OCI_CLI_USER"\nexit 7\n', { mode: 0o755 });
    const { stdout, exitCode } = await callAsUser(env);
    expect([exitCode, stdout]).toEqual([7, "docker-credential icn.ocir.io me\n"]);
  });

  it("get posts the server URL unchanged to the user's own daemon, and is refused by root's", async () => {
    await using server = await startAnswering("200 OK", RESPONSE);
    mkdirSync(join(directory, "ocir-broker"));
    symlinkSync(server.path, join(directory, "ocir-broker/credentials.sock"));
    for (const folder of [directory, dirname(server.path)]) chmodSync(folder, 0o755);
    chmodSync(server.path, 0o777);
    const { stdout } = await callAsUser({ XDG_RUNTIME_DIR: directory });
    expect(stdout).toBe(RESPONSE);
    expect(String(server.received)).toMatch(/^POST \/v1\/docker-credential [\s\S]*\r\n\r\nicn\.ocir\.io\n$/);
    if (process.geteuid?.() !== 0) return;
    chmodSync(server.path, 0o600);
    const refused = await callAsUser({ OCIR_BROKER_SOCKET: server.path });
    expect(refused.stdout).toMatch(lineOf("shim-socket-denied"));
  });

  test.each([
    ["--help", expect.stringContaining("docker-credential-ocir get\n")],
    ["list", "{}\n"],
    ["version", `docker-credential-ocir (ocir-broker) ${manifest.version}\n`],
    ["--version", `docker-credential-ocir (ocir-broker) ${manifest.version}\n`],
  ])("%s sends no request", async (verb, text) => {
    expect(await call(verb)).toEqual(success(text));
  });
});
