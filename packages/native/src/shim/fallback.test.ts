import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { describe, expect, test } from "vitest";
import { type FallbackStage, setFallbackStage } from "../../test/fallback-stage.ts";
import { builtPath, hasProgram, make } from "../../test/native-builds.ts";
import { httpResponse, startRawServer } from "../../test/raw-socket-server.ts";
import { describeShim, lineOf } from "../../test/shim-call.ts";

const ANSWER = '{"kind":"CredentialProviderResponse"}';
const KIB = 1024;

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && spawnSync("unshare", ["--mount", "true"]).status === 0;

function statusIn(stdout: Buffer): Record<string, string> {
  const lines = stdout.toString().trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(":\t").map((part) => part.trim().replaceAll("\t", " "))));
}

function call(path: string, socketPath: string, program: string, stdin: string | Buffer = "request") {
  return callCredentialProvider({
    path,
    env: { OCIR_BROKER_SOCKET: socketPath, OCIR_BROKER_FALLBACK: program },
    stdin,
  });
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

async function started(stage: FallbackStage, count: number): Promise<number> {
  while (stage.starts().length < count) await sleep(5);
  return stage.starts()[count - 1] as number;
}

describeShim("fallback_ask", (build) => {
  describe.concurrent("becomes the program", () => {
    test("with the request on stdin, a socket, the lock, and no surroundings but those that it reads", async () => {
      using stage = setFallbackStage();
      const program = stage.program(
        process.execPath,
        `const fs = require("node:fs");
        const of = (fd) => { try { return fs.readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } };
        console.log(JSON.stringify({
          argv: process.argv.slice(2),
          env: process.env,
          pid: process.pid,
          cwd: process.cwd(),
          umask: process.umask(),
          stdin: fs.readFileSync(0, "latin1"),
          listens: fs.readFileSync("/proc/net/unix", "utf8").split("\\n").filter((line) => line.includes(of(3).slice(8, -1))),
          locks: fs.readdirSync("/proc/self/fd").filter((fd) => of(fd).endsWith("/fallback.lock")),
          sigpipe: /^SigIgn:\\t(.*)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))[1],
        }));`,
      );
      const stdin = Buffer.alloc(256 * KIB, "\u0000r");
      const kept = {
        HTTPS_PROXY: "http://proxy:1",
        no_proxy: "a,b",
        SSL_CERT_FILE: "/nowhere",
        OCI_METADATA_BASE_URL: "http://127.0.0.1:1",
        OCI_SDK_AUTH_CLIENT_REGION_URL: "",
        HOME: "/",
      };
      const calledAtMs = monotonicMs();
      const result = await callCredentialProvider({
        path: build.path,
        args: ["--whatever"],
        env: {
          OCIR_BROKER_SOCKET: stage.socketPath,
          OCIR_BROKER_FALLBACK: program,
          LISTEN_FDS: "7",
          LISTEN_PID: "1",
          ...kept,
          NODE_OPTIONS: "--no-such-option",
          NODE_EXTRA_CA_CERTS: "/nowhere",
          LD_LIBRARY_PATH: "/nowhere",
          OPENSSL_CONF: "/nowhere",
          SSLKEYLOGFILE: "/nowhere",
          ANYTHING: "else",
        },
        stdin,
      });
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      const seen = JSON.parse(result.stdout.toString());
      expect(seen).toMatchObject({ argv: ["get"], cwd: "/", umask: process.umask(), stdin: stdin.toString("latin1") });
      expect(seen.env).toEqual({
        ...kept,
        MALLOC_ARENA_MAX: "1",
        MALLOC_MMAP_THRESHOLD_: "8192",
        MALLOC_TRIM_THRESHOLD_: "65536",
        OCIR_BROKER_FALLBACK_END_MS: expect.any(String),
        LISTEN_FDS: "1",
        LISTEN_FDNAMES: "credentials",
        LISTEN_PID: String(seen.pid),
      });
      const endMs = Number(seen.env.OCIR_BROKER_FALLBACK_END_MS);
      expect(endMs).toBeGreaterThanOrEqual(calledAtMs + 44_000);
      expect(endMs).toBeLessThanOrEqual(monotonicMs() + 44_000);
      expect(seen.listens).toHaveLength(1);
      expect(seen.locks).toHaveLength(1);
      const [lock, socket] = ["fallback.lock", "fallback.sock"].map((name) => lstatSync(join(stage.directory, name)));
      expect((lock?.mode ?? 0) & 0o777).toBe(0o600);
      expect((socket?.mode ?? 0) & 0o777).toBe(0o600);
    });

    test("which can leave no core, with the tokens in it", async () => {
      using stage = setFallbackStage();
      const program = stage.program("/bin/sh", "exec grep core /proc/self/limits");
      const { stdout } = await call(build.path, stage.socketPath, program);
      expect(stdout.toString()).toMatch(/^Max core file size +[01] +[01] +bytes/);
    });

    const PRIVILEGES =
      "exec grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status";
    const NONE = "0000000000000000";
    /** Emptying the bounding set needs root's capabilities; without them it stays, and no_new_privs makes it useless. */
    const stripped = { CapInh: NONE, CapPrm: NONE, CapEff: NONE, CapAmb: NONE, NoNewPrivs: "1", Seccomp: "2" };

    test("which has no capability, gains none, and whose system calls are filtered", async () => {
      using stage = setFallbackStage();
      const { stdout } = await call(build.path, stage.socketPath, stage.program("/bin/sh", PRIVILEGES));
      expect(statusIn(stdout)).toMatchObject({ ...stripped, ...(isRoot ? { CapBnd: NONE } : {}) });
    });

    test.skipIf(!canMount)(
      `as a user of its own, who may read the configuration${canMount ? "" : ", skipped: not root"}`,
      async () => {
        using stage = setFallbackStage();
        chmodSync(stage.directory, 0o755);
        const entries = {
          passwd: "ocir-broker-fallback-2:x:7:7::/:/bin/sh\nocir-broker-fallback:x:990:989::/:/usr/sbin/nologin\n",
          group: "root:x:0:\nocir-broker-daemon:x:988:\n",
        };
        const mounts = Object.entries(entries).map(([name, lines]) => {
          writeFileSync(join(stage.directory, name), `root:x:0:0::/:/bin/sh\n${"#\n".repeat(4_000)}${lines}`);
          return `mount --bind ${stage.directory}/${name} /etc/${name}`;
        });
        const { stdout, stderr } = await callCredentialProvider({
          path: "/usr/bin/unshare",
          args: ["--mount", "/bin/sh", "-c", `${mounts.join(" && ")} && exec "$0"`, build.path],
          env: { OCIR_BROKER_SOCKET: stage.socketPath, OCIR_BROKER_FALLBACK: stage.program("/bin/sh", PRIVILEGES) },
          stdin: "request",
        });
        expect(stderr).toBe("");
        expect(statusIn(stdout)).toEqual({
          ...stripped,
          CapBnd: NONE,
          Uid: "990 990 990 990",
          Gid: "989 989 989 989",
          Groups: "988",
        });
      },
    );

    test.skipIf(!canMount)(
      `which is refused what a taken-over program would try${canMount ? "" : ", skipped: not root"}`,
      async () => {
        using stage = setFallbackStage();
        const program = stage.program(
          "/bin/sh",
          "for flag in --user --mount --net; do unshare $flag true || echo refused; done 2>&1",
        );
        const { stdout } = await call(build.path, stage.socketPath, program);
        expect(stdout.toString().match(/Operation not permitted\nrefused/g)).toHaveLength(3);
      },
    );

    test("with no descriptor too many", async () => {
      using stage = setFallbackStage();
      const program = stage.program("/bin/sh", "exec ls -l /proc/self/fd");
      const { stdout } = await call(build.path, stage.socketPath, program);
      // Includes descriptors that this test's process has inherited, and the one with which ls reads the list.
      const ours = readdirSync("/proc/self/fd").map((fd) => targetOf(fd));
      const opened = [...stdout.toString().matchAll(/ (\d+) -> (\S+)/g)]
        .filter(([, fd, target = ""]) => Number(fd) > 2 && !target.startsWith("/proc/") && !ours.includes(target))
        .map(([, fd, target = ""]) => `${fd} ${target.replace(/\[\d+\]$/, "")}`);
      expect(opened).toEqual([expect.stringMatching(/^1\d \S+\/fallback\.lock$/), "3 socket:"]);
    });

    test("which is killed when the time of the call is over, should it keep no time itself", async () => {
      using stage = setFallbackStage();
      const result = await call(build.hastyPath, stage.socketPath, stage.program("/bin/sh", "exec sleep 60"));
      expect(result).toMatchObject({ signal: "SIGALRM", exitCode: null });
    });

    test.each([
      ["accepts and never answers", undefined],
      ["answers headers only", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
      ["breaks each connection", null],
    ])("when the daemon %s", async (_what, part) => {
      using stage = setFallbackStage();
      await using server = await startRawServer({
        onRequest: ({ socket }) => (part === null ? socket.destroy() : socket.write(part ?? "")),
      });
      const program = stage.server();
      const result = await call(build.hastyPath, server.path, program, ANSWER);
      expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(result.stdout.toString()).toBe(ANSWER);
    });

    test("when the daemon sends a byte at a time for ever", async () => {
      using stage = setFallbackStage();
      await using server = await startRawServer({
        onRequest({ socket }) {
          socket.write("HTTP/1.1 200 OK\r\nX: ");
          const dribble = setInterval(() => socket.write("y"), 20);
          socket.on("close", () => clearInterval(dribble));
        },
      });
      const result = await call(build.hastyPath, server.path, stage.server(), ANSWER);
      expect(result.stdout.toString()).toBe(ANSWER);
    });
  });

  describe("is not used", () => {
    test.each([
      ["there is a whole answer, even an error", httpResponse("503 No", "ocir-broker: x: y; z\n"), /^ocir-broker: x:/],
      ["there is a whole answer without a word", httpResponse("500 No", ""), lineOf("shim-answer-status")],
      ["there is an empty 200", httpResponse("200 OK", ""), lineOf("shim-answer-empty")],
      ["something else answers", "SSH-2.0-x\r\n", lineOf("shim-answer-invalid")],
    ])("when %s", async (_what, bytes, line) => {
      using stage = setFallbackStage();
      await using server = await startRawServer({ onRequest: ({ socket }) => socket.end(bytes) });
      const result = await call(build.path, server.path, stage.server());
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(line) });
      expect(stage.starts()).toEqual([]);
    });

    test.each([
      ["it is named empty", () => ""],
      ["it is not there", ({ directory }) => join(directory, "none")],
      ["it is not executable", (stage) => notExecutable(stage)],
      ["it is a directory", ({ directory }) => directory],
      ["its interpreter is missing", (stage) => stage.program("/nowhere/sh", "")],
      ["its path is relative", (stage) => `./${stage.server().split("/").at(-1)}`],
    ] satisfies [string, (stage: FallbackStage) => string][])("when %s: the line is as before", async (_what, path) => {
      using stage = setFallbackStage();
      // The leak sanitizer uses ptrace, which the filter refuses.
      const env = {
        OCIR_BROKER_SOCKET: stage.socketPath,
        OCIR_BROKER_FALLBACK: path(stage),
        ASAN_OPTIONS: "detect_leaks=0",
      };
      const result = await callCredentialProvider({ path: build.path, env, stdin: "request" });
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(lineOf("shim-socket-missing")) });
      expect(result.stdout).toHaveLength(0);
    });

    test("where the broker is not installed: there is no directory", async () => {
      using stage = setFallbackStage();
      const result = await call(build.path, join(stage.directory, "none/credentials.sock"), stage.server());
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(lineOf("shim-socket-missing")) });
    });

    test.each([
      ["is world-writable", (directory: string) => chmodSync(directory, 0o777)],
      ["is world-writable, if sticky", (directory: string) => chmodSync(directory, 0o1777)],
      ["is group-writable", (directory: string) => chmodSync(directory, 0o770)],
      [
        "is a link",
        (directory: string) => {
          renameSync(directory, `${directory}.real`);
          symlinkSync(`${directory}.real`, directory);
        },
      ],
    ])("where the directory %s", async (_what, spoil) => {
      using stage = setFallbackStage();
      const directory = join(stage.directory, "run");
      mkdirSync(directory, { mode: 0o755 });
      spoil(directory);
      const result = await call(build.path, join(directory, "credentials.sock"), stage.server());
      expect(result).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(lineOf("shim-fallback-directory-unsafe")),
      });
      expect(stage.starts()).toEqual([]);
      expect(existsSync(join(directory, "fallback.lock"))).toBe(false);
    });

    const lacking = isRoot && hasProgram("setpriv") ? "" : ", skipped: not root, or no setpriv";
    test.skipIf(lacking !== "")(`where the directory belongs to somebody else${lacking}`, async () => {
      using stage = setFallbackStage();
      chmodSync(stage.directory, 0o755);
      const result = await callCredentialProvider({
        path: "/usr/bin/setpriv",
        args: ["--reuid", "65534", "--clear-groups", "/bin/sh", "-c", `exec "$0"`, build.path],
        env: { OCIR_BROKER_SOCKET: stage.socketPath, OCIR_BROKER_FALLBACK: "/bin/true" },
        stdin: "request",
      });
      // This user may have no access to the build's folder.
      if (!/Permission denied/.test(result.stderr))
        expect(result.stderr).toMatch(lineOf("shim-fallback-directory-unsafe"));
    });

    test.each([
      ["a link", (lock: string) => symlinkSync("/etc/hostname", lock)],
      ["a link to nothing", (lock: string) => symlinkSync("elsewhere", lock)],
      ["a directory", (lock: string) => mkdirSync(lock)],
      ["for others to hold", (lock: string) => writeFileSync(lock, "", { mode: 0o644 })],
    ])("where the lock is %s", async (_what, make) => {
      using stage = setFallbackStage();
      make(join(stage.directory, "fallback.lock"));
      const result = await call(build.path, stage.socketPath, stage.server());
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(lineOf("shim-fallback-lock-unsafe")) });
      expect(stage.starts()).toEqual([]);
      expect(existsSync(join(stage.directory, "elsewhere"))).toBe(false);
    });
  });

  describe("of 50 at once", () => {
    test("runs one program, and each gets its own answer", async () => {
      using stage = setFallbackStage();
      const program = stage.server(49);
      const requests = Array.from({ length: 50 }, (_, index) => `request ${index}`);
      const results = await Promise.all(requests.map((stdin) => call(build.path, stage.socketPath, program, stdin)));
      expect(results.map(({ stdout }) => stdout.toString())).toEqual(requests);
      expect(results.filter(({ exitCode, stderr }) => exitCode !== 0 || stderr !== "")).toEqual([]);
      expect(stage.starts()).toHaveLength(1);
      expect(childrenOf(process.pid)).toEqual([]);
    });

    test("never runs two programs at a time, though each ends at once", async () => {
      using stage = setFallbackStage();
      const program = stage.program(
        "/bin/sh",
        `cd ${stage.directory} && mkdir alone || echo two >> two; cat > /dev/null; rmdir alone; echo no >&2; exit 3`,
      );
      const calls = Array.from({ length: 20 }, () => call(build.path, stage.socketPath, program));
      for (const { exitCode, stderr } of await Promise.all(calls))
        expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: "no\n" });
      expect(existsSync(join(stage.directory, "two"))).toBe(false);
    });

    test.each([
      ["before it listens", "mark(); const end = Date.now() + 60_000; while (Date.now() < end);", ""],
      ["while the others wait", "mark(); setInterval(() => {}, 1000); return;", ""],
      [
        "in the middle of its answers",
        `fs.writeSync(1, "half");
        require("node:net").createServer((socket) => {
          socket.write("HTTP/1.1 200 OK\\r\\nContent-Length: 50\\r\\n\\r\\nhalf", mark);
        }).listen({ fd: 3 }); return;`,
        "half",
      ],
    ])("goes on with the next, when the first is killed %s", async (_what, hang, written) => {
      using stage = setFallbackStage();
      const isFirst = `${stage.directory}/first`;
      const hangs = `${isFirst}/hangs`;
      const program = stage.server(
        18,
        `const mark = () => fs.writeFileSync(${JSON.stringify(hangs)}, "");
        try { fs.mkdirSync(${JSON.stringify(isFirst)}); ${hang} }
        catch (error) { if (error.code !== "EEXIST") throw error; }`,
      );
      const requests = Array.from({ length: 20 }, (_, index) => `request ${index}`);
      const calls = requests.map((stdin) => call(build.path, stage.socketPath, program, stdin));
      const first = await started(stage, 1);
      while (!existsSync(hangs)) await sleep(5);
      process.kill(first, "SIGKILL");
      const results = await Promise.all(calls);
      expect(results.filter(({ signal }) => signal === "SIGKILL")).toMatchObject([{ stdout: Buffer.from(written) }]);
      const answered = results.filter(({ exitCode }) => exitCode === 0);
      expect(answered).toHaveLength(19);
      expect(results.filter((result, index) => result.stdout.toString() === requests[index])).toEqual(answered);
      expect(stage.starts()).toHaveLength(2);
    });

    test("goes on with the next, kill after kill", async () => {
      using stage = setFallbackStage();
      const program = stage.server(
        19,
        `while (fs.readFileSync(${JSON.stringify(join(stage.directory, "starts"))}, "utf8").split("\\n").length <= 11);`,
      );
      const requests = Array.from({ length: 30 }, (_, index) => `request ${index}`);
      const calls = requests.map((stdin) => call(build.path, stage.socketPath, program, stdin));
      for (let count = 1; count <= 10; count += 1) process.kill(await started(stage, count), "SIGKILL");
      const results = await Promise.all(calls);
      expect(results.filter(({ signal }) => signal === "SIGKILL")).toHaveLength(10);
      expect(results.filter(({ exitCode }) => exitCode === 0)).toHaveLength(20);
      expect(stage.starts()).toHaveLength(11);
    });
  });

  const noFlock = hasProgram("flock") ? "" : ", skipped: there is no flock";
  describe.skipIf(noFlock !== "")(`where somebody else holds the lock${noFlock}`, { concurrent: true }, () => {
    test("says so, in time", async () => {
      using stage = setFallbackStage();
      const holder = await holdLock(stage);
      const result = await call(build.hastyPath, stage.socketPath, stage.server());
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(lineOf("shim-fallback-locked")) });
      expect(result.stdout).toHaveLength(0);
      expect(stage.starts()).toEqual([]);
      await kill(holder);
    });

    test("goes on as soon as that one is killed", async () => {
      using stage = setFallbackStage();
      const holder = await holdLock(stage);
      const program = stage.server(9);
      const calls = Array.from({ length: 10 }, () => call(build.path, stage.socketPath, program));
      await sleep(100);
      expect(stage.starts()).toEqual([]);
      await kill(holder);
      for (const result of await Promise.all(calls)) expect(result).toMatchObject({ exitCode: 0, stderr: "" });
      expect(stage.starts()).toHaveLength(1);
    });

    test("says when it listens and never answers", async () => {
      using stage = setFallbackStage();
      const hanging = call(build.path, stage.socketPath, stage.server(0, "setInterval(() => {}, 1000); return;"));
      const pid = await started(stage, 1);
      const result = await call(build.hastyPath, stage.socketPath, stage.server());
      expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(lineOf("shim-fallback-timeout")) });
      process.kill(pid, "SIGKILL");
      await hanging;
    });
  });
});

test("nobody becomes the program with less time left than its start may take", async () => {
  make("checks");
  using stage = setFallbackStage();
  const result = await call(builtPath("late/credential-provider-oke"), stage.socketPath, stage.server());
  expect(result).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(lineOf("shim-fallback-timeout")) });
  expect(stage.starts()).toEqual([]);
});

function notExecutable(stage: FallbackStage): string {
  const path = stage.server();
  chmodSync(path, 0o644);
  return path;
}

function targetOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}

function childrenOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean),
  );
}

async function holdLock(stage: FallbackStage): Promise<ChildProcess> {
  const path = join(stage.directory, "fallback.lock");
  writeFileSync(path, "", { mode: 0o600 });
  const child = spawn("flock", ["--no-fork", path, "sh", "-c", "echo held; exec sleep 60"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "exit");
}
