import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, test } from "vitest";
import { builtPath, describeBuilds } from "../test/native-builds.ts";

const DAEMON = `
  const fs = require("node:fs");
  const { OCIR_BROKER_NOTIFY_FD: notify, ...environment } = process.env;
  const say = (text) => fs.writeSync(1, text + "\\n");
`;

const ERROR = "<4>ocir-broker-launch: cannot execute the program: ";

describeBuilds("ocir-broker-launch", (build) => {
  const launcher = build.path("ocir-broker-launch");

  /** The launcher executes a Node script in place of the daemon. Its messages are received if there is a notify socket. */
  async function run(script: string, env: Readonly<Record<string, string>> = {}, notify = "") {
    const daemon = join(temporaryFolder(), "daemon.cjs");
    writeFileSync(daemon, DAEMON + script);
    const launched = [launcher, process.execPath, daemon];
    const [path = "", ...args] = notify === "" ? launched : [builtPath("receive-datagrams"), notify, ...launched];
    const { stdout, stderr, exitCode } = await callCredentialProvider({ path, args, env, stdin: "" });
    expect(exitCode).toBe(0);
    return { lines: stdout.trimEnd().split("\n"), stderr };
  }

  const abstract = () => `@ocir-broker-launch-${Math.random()}`;

  test.each([
    ["an abstract", abstract],
    ["a path's", () => join(temporaryFolder(), "notify")],
  ])("lets the daemon notify by writing to a descriptor, over %s socket", async (_what, notify) => {
    const { lines, stderr } = await run(
      `fs.writeSync(Number(notify), "READY=1\\nSTATUS=up"); fs.writeSync(Number(notify), "WATCHDOG=1");`,
      {},
      notify(),
    );
    expect(stderr).toBe("");
    expect(lines).toEqual(["message READY=1|STATUS=up", "message WATCHDOG=1"]);
  });

  test("passes a non-blocking notify descriptor, and removes NOTIFY_SOCKET", async () => {
    const { lines } = await run(
      `const flags = /^flags:\\s+(\\d+)$/m.exec(fs.readFileSync("/proc/self/fdinfo/" + notify, "utf8"))[1];
      say("nonblock " + ((parseInt(flags, 8) & 0o4000) !== 0) + " NOTIFY_SOCKET " + environment.NOTIFY_SOCKET);`,
      {},
      abstract(),
    );
    expect(lines).toEqual(["nonblock true NOTIFY_SOCKET undefined"]);
  });

  const report = `say("notify " + notify); `;

  test("starts the daemon without a notify descriptor if there is no service manager", async () => {
    const { lines, stderr } = await run(report, { OCIR_BROKER_NOTIFY_FD: "1" });
    expect(lines).toEqual(["notify undefined"]);
    expect(stderr).toBe("");
  });

  test.each([
    ["that is gone", "/nowhere/notify", "cannot reach the service manager at NOTIFY_SOCKET: No such file or directory"],
    ["of another kind", "vsock:2:1234", "cannot use NOTIFY_SOCKET: Invalid argument"],
    ["too long for an address", `/${"x".repeat(108)}`, "cannot use NOTIFY_SOCKET: Invalid argument"],
    ["without a name", "@", "cannot use NOTIFY_SOCKET: Invalid argument"],
  ])("starts the daemon despite a notify socket %s, and reports it", async (_what, socket, line) => {
    const script = `${report} say(environment.NOTIFY_SOCKET);`;
    const { lines, stderr } = await run(script, { NOTIFY_SOCKET: socket });
    expect(lines).toEqual(["notify undefined", socket]);
    expect(stderr).toBe(`<4>ocir-broker-launch: ${line}\n`);
  });

  test("passes only the environment variables that the service reads or that limit its memory", async () => {
    const kept = {
      OCIR_BROKER_STATE_FILE: "/run/state",
      HTTPS_PROXY: "http://proxy:1",
      SSL_CERT_FILE: "/nowhere",
      HOME: "/",
      JOURNAL_STREAM: "1:2",
      LISTEN_FDS: "1",
      LISTEN_FDNAMES: "health",
      LISTEN_PID: "1",
    };
    const dropped = {
      LD_BIND_NOW: "1",
      NODE_CHANNEL_FD: "9",
      NODE_ICU_DATA: "/nowhere",
      HOSTALIASES: "/nowhere",
      RES_OPTIONS: "debug",
      OPENSSL_CONF: "/nowhere",
      ANYTHING: "else",
    };
    const { lines } = await run(`say(JSON.stringify(environment));`, { ...kept, ...dropped }, abstract());
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      ...kept,
      MALLOC_ARENA_MAX: "1",
      MALLOC_MMAP_THRESHOLD_: "8192",
      MALLOC_TRIM_THRESHOLD_: "65536",
    });
  });

  test.each([
    ["whatever limit the caller has", ":", "[01]"],
    ["a hard limit of 0", "ulimit -c 0", "0"],
  ])("disables core dumps, given %s", async (_what, limit, bytes) => {
    const args = ["-c", `${limit}; exec "$0" /bin/sh -c 'cat /proc/self/limits'`, launcher];
    const { stdout, stderr } = await callCredentialProvider({ path: "/bin/sh", args, stdin: "" });
    expect(stderr).toBe("");
    expect(stdout).toMatch(new RegExp(`Max core file size +${bytes} +${bytes} +bytes`));
  });

  test.each([
    ["is missing", ["/nowhere/ocir-broker", "serve"], 127, `${ERROR}No such file or directory\n`],
    ["is not executable", ["/etc/passwd"], 126, `${ERROR}Permission denied\n`],
    ["is not named", [], 2, "ocir-broker-launch: usage: ocir-broker-launch PROGRAM [ARGUMENT...]\n"],
  ])("exits with an error line when the program %s", async (_what, args, exitCode, stderr) => {
    const result = await callCredentialProvider({ path: launcher, args, stdin: "" });
    expect(result).toMatchObject({ exitCode, stderr });
  });
});
