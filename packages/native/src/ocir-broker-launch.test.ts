import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { because, builtPath, distPath, make, RELEASE, SANITIZED } from "../test/native-builds.ts";

const STATE_BYTES = 2 * 1024 * 1024;
/** F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW; 0x20 (F_SEAL_EXEC) if the kernel has MFD_NOEXEC_SEAL. */
const STORED = `message run=1 sender=main fds=1 seals=0x(7|27) size=${STATE_BYTES} executable=no text=FDSTORE=1\\|FDNAME=state`;
const DAEMON = `
  const fs = require("node:fs");
  const { OCIR_BROKER_NOTIFY_FD: notify, OCIR_BROKER_STATE_FD: state, ...environment } = process.env;
  const say = (text) => fs.writeSync(1, text + "\\n");
`;

const builds = [
  { ...RELEASE, path: distPath("ocir-broker-launch") },
  { ...SANITIZED, path: builtPath("sanitized/ocir-broker-launch") },
];

let directory = "";
beforeAll(() => {
  make("install", "checks", ...(SANITIZED.lacking === undefined ? ["sanitize"] : []));
  directory = mkdtempSync(join(tmpdir(), "ocir-broker-launch-"));
}, 120_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

for (const build of builds) {
  describe.skipIf(build.lacking !== undefined)(`ocir-broker-launch (${because(build)})`, () => {
    /** The fake service manager starts the launcher, which execs a Node script in place of the daemon. */
    async function run(script: string, options: { names?: string; notify?: string; runs?: number; env?: object } = {}) {
      const path = join(directory, `daemon-${Math.random()}.cjs`);
      writeFileSync(path, DAEMON + script);
      const { stdout, stderr, exitCode } = await callCredentialProvider({
        path: builtPath("fake-service-manager"),
        args: [options.names ?? "state", build.path, process.execPath, path],
        env: {
          RUNS: `${options.runs ?? 1}`,
          ...(options.notify === "" ? {} : { NOTIFY: options.notify ?? `@ocir-broker-launch-${Math.random()}` }),
          ...options.env,
        },
        stdin: "",
      });
      expect(exitCode).toBe(0);
      return { lines: stdout.toString().trimEnd().split("\n"), stderr };
    }

    test.each([
      ["an abstract", () => `@ocir-broker-launch-${process.pid}-${build.name}`],
      ["a path's", () => join(directory, `notify-${build.name}`)],
    ])(
      "lets the daemon notify by writing to a descriptor, over %s socket, as the main process",
      async (_what, notify) => {
        const { lines, stderr } = await run(
          `fs.writeSync(Number(notify), "READY=1\\nSTATUS=up"); fs.writeSync(Number(notify), "WATCHDOG=1");`,
          { notify: notify() },
        );
        expect(stderr).toBe("");
        expect(lines).toEqual([
          expect.stringMatching(`^${STORED}$`),
          "message run=1 sender=main fds=0 seals=0x0 size=0 executable=no text=READY=1|STATUS=up",
          "message run=1 sender=main fds=0 seals=0x0 size=0 executable=no text=WATCHDOG=1",
          "exit run=1 status=0",
        ]);
      },
    );

    test("gives a notify descriptor that never blocks, and takes NOTIFY_SOCKET away", async () => {
      const { lines } = await run(`
        const flags = /^flags:\\s+(\\d+)$/m.exec(fs.readFileSync("/proc/self/fdinfo/" + notify, "utf8"))[1];
        say("nonblock " + ((parseInt(flags, 8) & 0o4000) !== 0) + " NOTIFY_SOCKET " + environment.NOTIFY_SOCKET);
      `);
      expect(lines).toContain("nonblock true NOTIFY_SOCKET undefined");
    });

    test("makes a state that cannot grow, shrink or be executed, and stores it", async () => {
      const { lines } = await run(`
        const attempt = (what, action) => { try { action(); say(what + " ok"); } catch (error) { say(what + " " + error.code); } };
        attempt("write", () => fs.writeSync(Number(state), "x", 0));
        attempt("write at the end", () => fs.writeSync(Number(state), "x", ${STATE_BYTES - 1}));
        attempt("grow", () => fs.ftruncateSync(Number(state), ${STATE_BYTES + 1}));
        attempt("shrink", () => fs.ftruncateSync(Number(state), 0));
        attempt("write past the end", () => fs.writeSync(Number(state), "x", ${STATE_BYTES}));
        attempt("execute", () => fs.accessSync("/proc/self/fd/" + state, fs.constants.X_OK));
      `);
      expect(lines).toEqual([
        "write ok",
        "write at the end ok",
        "grow EPERM",
        "shrink EPERM",
        "write past the end EPERM",
        "execute EACCES",
        expect.stringMatching(`^${STORED}$`),
        "exit run=1 status=0",
      ]);
    });

    const remember = `
      const text = Buffer.alloc(20);
      fs.readSync(Number(state), text, 0, 20, 0);
      say("remembered " + text.toString().replaceAll("\\0", "") + " at place " + environment.LISTEN_FDNAMES?.split(":").indexOf("state"));
      fs.writeSync(Number(state), "run of " + environment.LISTEN_FDS, 0);
      process.kill(process.pid, "SIGKILL");
    `;

    test.each([
      ["state:credentials:health", 0],
      ["credentials:state:health", 1],
      ["health:credentials:state", 2],
    ])("takes the state back with what a killed daemon wrote, by name among %s", async (names, place) => {
      const { lines, stderr } = await run(remember, { names, runs: 3 });
      expect(stderr).toBe("");
      expect(lines).toEqual([
        "remembered  at place -1",
        expect.stringMatching(`^${STORED}$`),
        "exit run=1 status=137",
        `remembered run of 2 at place ${place}`,
        "exit run=2 status=137",
        `remembered run of 3 at place ${place}`,
        "exit run=3 status=137",
      ]);
    });

    test("leaves the handed-over sockets where they are, and LISTEN_PID true", async () => {
      const script = `
        const at = (fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd).replace(/-[A-Za-z0-9]{6} /, " "); } catch { return "closed"; } };
        say([3, 4].map(at).join(", ") + ", " + environment.LISTEN_FDS + " " + environment.LISTEN_FDNAMES + " "
          + (Number(environment.LISTEN_PID) === process.pid) + " " + [notify, state].map((fd) => Number(fd) > 4));
      `;
      const file = "/tmp/fake-service-manager (deleted)";
      const { lines } = await run(script, { names: "credentials:health" });
      expect(lines[0]).toBe(`${file}, ${file}, 2 credentials:health true true,true`);
    });

    test("replaces what is called state and is none of its making", async () => {
      const { lines } = await run(`say("state beyond " + (Number(state) > 4));`, { names: "credentials:bogus" });
      expect(lines).toEqual([
        "state beyond true",
        "message run=1 sender=main fds=0 seals=0x0 size=0 executable=no text=FDSTOREREMOVE=1|FDNAME=state",
        expect.stringMatching(`^${STORED}$`),
        "exit run=1 status=0",
      ]);
    });

    test("ignores descriptors that were meant for another process", async () => {
      const { lines } = await run(remember, { names: "state", runs: 2, env: { WRONG_PID: "1" } });
      expect(lines.filter((line) => line.startsWith("remembered"))).toEqual([
        "remembered  at place undefined",
        "remembered  at place 0",
      ]);
    });

    const report = `say("notify " + notify + " state " + state); `;

    test("starts the daemon without a service manager, with neither descriptor, whatever its caller had set", async () => {
      const { lines, stderr } = await run(report, {
        notify: "",
        env: { OCIR_BROKER_NOTIFY_FD: "1", OCIR_BROKER_STATE_FD: "1" },
      });
      expect(lines).toEqual(["notify undefined state undefined", "exit run=1 status=0"]);
      expect(stderr).toBe("");
    });

    test.each([
      [
        "that is gone",
        "/nowhere/notify",
        "cannot reach the service manager at NOTIFY_SOCKET: No such file or directory",
      ],
      ["of another kind", "vsock:2:1234", "cannot use NOTIFY_SOCKET: Invalid argument"],
      ["too long for an address", `/${"x".repeat(108)}`, "cannot use NOTIFY_SOCKET: Invalid argument"],
      ["without a name", "@", "cannot use NOTIFY_SOCKET: Invalid argument"],
    ])("starts the daemon in spite of a notify socket %s, and says so", async (_what, socket, line) => {
      const { lines, stderr } = await run(`${report} say(environment.NOTIFY_SOCKET);`, {
        notify: "",
        env: { NOTIFY_SOCKET: socket },
      });
      expect(lines).toEqual(["notify undefined state undefined", socket, "exit run=1 status=0"]);
      expect(stderr).toBe(`<4>ocir-broker-launch: ${line}\n`);
    });

    test("starts the daemon without a state when the service manager is too busy to store one, and says so", {
      timeout: 20_000,
    }, async () => {
      const { lines, stderr } = await run(`say("notify " + (Number(notify) > 2) + " state " + state);`, {
        env: { BUSY: "1" },
      });
      expect(lines).toEqual(["notify true state undefined", "exit run=1 status=0"]);
      expect(stderr).toBe(
        "<4>ocir-broker-launch: cannot store the state, which will not outlive this process: Resource temporarily unavailable\n",
      );
    });

    test.each([
      ["LISTEN_FDS", { LISTEN_FDS: "many" }],
      ["LISTEN_FDS", { LISTEN_FDS: "99999999999999999999" }],
      ["LISTEN_FDS", { LISTEN_FDS: "-1" }],
      ["LISTEN_FDNAMES", { LISTEN_FDS: "3", LISTEN_FDNAMES: "::states:sta:" }],
    ])("starts the daemon in spite of a nonsensical %s", async (_what, environment) => {
      const script = `process.env.LISTEN_FDNAMES ??= "state"; process.env.LISTEN_PID = process.pid;
        process.execve(${JSON.stringify(build.path)}, ["launch", "/bin/sh", "-c", "echo [$OCIR_BROKER_STATE_FD]"], process.env);`;
      const { stdout } = await callCredentialProvider({
        path: process.execPath,
        args: ["--no-warnings", "-e", script],
        env: environment,
        stdin: "",
      });
      expect(stdout.toString()).toBe("[]\n");
    });

    test("passes what the service reads and what keeps its memory small, and nothing else", async () => {
      const kept = { HTTPS_PROXY: "http://proxy:1", SSL_CERT_FILE: "/nowhere", HOME: "/", JOURNAL_STREAM: "1:2" };
      const { lines } = await run(`say(JSON.stringify(environment));`, {
        env: {
          ...kept,
          LD_BIND_NOW: "1",
          NODE_CHANNEL_FD: "9",
          NODE_ICU_DATA: "/nowhere",
          HOSTALIASES: "/nowhere",
          RES_OPTIONS: "debug",
          OPENSSL_CONF: "/nowhere",
          ANYTHING: "else",
        },
      });
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
    ])("forbids core dumps, given %s", async (_what, limit, bytes) => {
      const args = ["-c", `${limit}; exec "$0" /bin/sh -c 'cat /proc/self/limits'`, build.path];
      const { stdout, stderr } = await callCredentialProvider({ path: "/bin/sh", args, stdin: "" });
      expect(stderr).toBe("");
      expect(stdout.toString()).toMatch(new RegExp(`Max core file size +${bytes} +${bytes} +bytes`));
    });

    test.each([
      ["is missing", ["/nowhere/ocir-broker", "serve"], 127, "No such file or directory"],
      ["is not executable", ["/etc/passwd"], 126, "Permission denied"],
    ])("ends with a line when the program %s", async (_what, args, exitCode, reason) => {
      const result = await callCredentialProvider({ path: build.path, args, stdin: "" });
      expect(result).toMatchObject({
        exitCode,
        stderr: `<4>ocir-broker-launch: cannot execute the program: ${reason}\n`,
      });
    });

    test("says how it is used when no program is named", async () => {
      const result = await callCredentialProvider({ path: build.path, stdin: "" });
      expect(result).toMatchObject({
        exitCode: 2,
        stderr: expect.stringContaining("usage: ocir-broker-launch PROGRAM"),
      });
    });
  });
}
