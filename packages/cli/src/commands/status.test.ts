import { writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import { serveOnSocket } from "@ocir-broker/node/test/socket-server";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../test/command-run.ts";
import { environment } from "../process/environment.ts";

const STATUS = {
  status: "starting",
  version: "1.2.3",
  uptimeSeconds: 3,
  identity: "none",
  region: null,
  config: null,
  session: null,
  serviceAccounts: null,
  registries: {},
};

/** The configuration of a daemon with these responses, or of none. */
async function daemonThat(listener?: RequestListener, extra: object = {}): Promise<string> {
  const config = join(temporaryFolder(), "config.yaml");
  const health = listener === undefined ? "/no/such/health.sock" : await serveOnSocket(listener);
  writeFileSync(config, JSON.stringify({ sockets: { health }, ...extra }));
  return config;
}

const statusResponse: RequestListener = (_request, response) => response.end(JSON.stringify(STATUS));

describe("ocir-broker status", () => {
  test.each([
    ["table", /^ocir-broker 1\.2\.3: starting, up 3 s, identity none, region not known yet\n/],
    ["json", /^\{\n {2}"status": "starting",/],
  ])("prints the status as %s", async (form, text) => {
    const config = await daemonThat(statusResponse);
    const { stdout, exitCode } = await runCommand("status", "--config", config, "--output", form);
    expect(stdout).toMatch(text);
    expect(exitCode).toBe(0);
  });

  test.each([
    ["the daemon is degraded", { status: "degraded" }],
    ["the first session fails", { session: { state: "backing-off", failuresInARow: 3 } }],
  ])("exits with 1 while %s", async (_what, changed) => {
    const config = await daemonThat((_, response) => response.end(JSON.stringify({ ...STATUS, ...changed })));
    expect(await runCommand("status", "--config", config)).toMatchObject({ exitCode: 1, stderr: "" });
  });

  test("reports a configuration error, and looks for the daemon at its usual socket", async () => {
    const config = await daemonThat(statusResponse, { log: { level: "loud" } });
    const { stderr } = await runCommand("status", "--config", config);
    expect(stderr).toMatch(/^ocir-broker: config-invalid: .*config\.yaml is not valid:\n .*log\.level: must be/);
    expect(stderr).toMatch(/^ocir-broker: (?:not-installed|daemon-down): /m);
  });

  test("has the keys status and version in JSON while no daemon runs", async () => {
    const { stdout, exitCode } = await runCommand("status", "--config", await daemonThat(), "--output", "json");
    expect([exitCode, JSON.parse(stdout)]).toEqual([1, { status: "daemon-down", version: expect.any(String) }]);
  });

  test.each<[string, RequestListener | undefined, RegExp]>([
    [
      "does not run",
      undefined,
      /^ocir-broker: daemon-down: .*health\.sock: the socket does not exist \(ENOENT\)\n {2}state of the units: [\s\S]*: systemd-sysusers; systemctl restart /,
    ],
    [
      "breaks off",
      (request) => request.socket.destroy(),
      /^ocir-broker: daemon-stuck: .*: the daemon does not respond \(.*\)\n.*\n.*journalctl -u ocir-broker[\s\S]*systemctl restart ocir-broker\.service \(it keeps its tokens\)/,
    ],
    [
      "is another program",
      (_request, response) => response.end("<html>"),
      /^ocir-broker: status-invalid: .*this is the daemon's health socket/,
    ],
    [
      "fails",
      (_request, response) => response.writeHead(500).end(JSON.stringify(STATUS)),
      /the response contains no status/,
    ],
  ])("prints a fix when the daemon %s", async (_what, listener, message) => {
    const { stdout, stderr, exitCode } = await runCommand("status", "--config", await daemonThat(listener));
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toMatch(message);
  });

  test.each([
    [
      "/no/such",
      1,
      /^ocir-broker: daemon-down: \/no\/such\/[\s\S]* systemctl --user enable --now ocir-broker\.socket; /,
    ],
    ["", 2, /^ocir-broker: usage-invalid: --user needs the variable XDG_RUNTIME_DIR, which is not set\n$/],
  ])("with --user and XDG_RUNTIME_DIR=%s, names what this user lacks", async (runtime, status, message) => {
    const { XDG_RUNTIME_DIR = "" } = environment;
    environment["XDG_RUNTIME_DIR"] = runtime;
    onTestFinished(() => void Object.assign(environment, { XDG_RUNTIME_DIR }));
    const { stderr, exitCode } = await runCommand("status", "--user");
    expect([exitCode, stderr]).toEqual([status, expect.stringMatching(message)]);
    expect(stderr).not.toContain("systemd-sysusers");
  });
});
