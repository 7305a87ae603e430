import type { ChildProcess } from "node:child_process";
import { readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeAll, describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { builtPath, distPath, hasProgram, make } from "../../test/native-builds.ts";
import { httpResponse, type RawServerOptions, startAnswering, startRawServer } from "../../test/raw-socket-server.ts";
import { callShim, describeShim, failure, lineOf, startShim, success } from "../../test/shim-call.ts";

const RESPONSE = '{"kind":"CredentialProviderResponse"}';
const KIB = 1024;
/** elf.h. */
const ET_DYN = 3;

describeShim("credential-provider-oke", (build) => {
  describe("sends", () => {
    test("stdin unchanged, in one POST with Connection: close", async () => {
      await using server = await startAnswering("200 OK", RESPONSE);
      const stdin = Buffer.from('{"image":"\u00e9\u0000"}\n');
      expect(await callShim(build.path, server.path, { stdin })).toEqual(success(RESPONSE));
      const head =
        "POST /v1/credentials HTTP/1.1\r\nHost: localhost\r\n" +
        `User-Agent: credential-provider-oke/${manifest.version}\r\nContent-Type: application/json\r\n` +
        `Connection: close\r\nContent-Length: ${stdin.length}\r\n\r\n`;
      expect(server.received).toEqual([Buffer.concat([Buffer.from(head), stdin])]);
    });

    test("256 KiB, through a socket that accepts less at a time", async () => {
      const stdin = Buffer.alloc(256 * KIB, "r");
      await using server = await startRawServer({
        onRequest: ({ socket, body }) => socket.end(httpResponse("200 OK", `${body.length}`)),
      });
      expect(await callShim(build.path, server.path, { stdin })).toEqual(success(`${stdin.length}`));
    });

    test.each([
      ["nothing", "", "shim-request-empty"],
      ["more than 256 KiB", Buffer.alloc(256 * KIB + 1), "shim-request-too-large"],
    ])("no request for %s on stdin", async (_what, stdin, code) => {
      await using server = await startRawServer({});
      expect(await callShim(build.path, server.path, { stdin })).toEqual(failure(code));
      expect(server.received).toHaveLength(0);
    });

    test("the request despite the arguments in an earlier provider's configuration", async () => {
      await using server = await startAnswering("200 OK", RESPONSE);
      const args = ["--fallback", "--version"];
      expect(await callShim(build.path, server.path, { args })).toEqual(success(RESPONSE));
    });

    test.each([
      ["--help", /^credential-provider-oke: [\s\S]*ocir-broker get IMAGE/],
      ["--version", new RegExp(`^credential-provider-oke ${manifest.version}\n$`)],
    ])("no request for %s alone", async (argument, text) => {
      const result = await callShim(build.path, "/nowhere", { args: [argument] });
      expect(result).toEqual(success(expect.stringMatching(text)));
    });

    const noTerminal = hasProgram("script") ? "" : " (skipped: needs script)";
    test.skipIf(noTerminal !== "")(
      `nothing yet, and reports what it waits for, on a terminal${noTerminal}`,
      async () => {
        const { stdout } = await callCredentialProvider({
          path: "/usr/bin/script",
          args: ["--quiet", "--return", "--command", build.path, "/dev/null"],
          env: { TERM: "dumb", OCIR_BROKER_SOCKET: "/nowhere" },
          stdin: "\u0004",
        });
        expect(stdout).toMatch(/waiting 25 s for the end of input \(Ctrl-D\): [\s\S]*shim-request-empty/);
      },
    );
  });

  describe("writes to stdout", () => {
    const whole = httpResponse("200 OK", RESPONSE);
    test.each<[what: string, pieces: readonly Buffer[], body?: string]>([
      ["of 64 KiB", [httpResponse("200 OK", "b".repeat(64 * KIB))], "b".repeat(64 * KIB)],
      ["that arrives byte by byte", Array.from(whole, (byte) => Buffer.of(byte))],
      ["after an interim response", [Buffer.concat([Buffer.from("HTTP/1.1 100 Continue\r\n\r\n"), whole])]],
      [
        "of HTTP/1.0 without a reason",
        [Buffer.from(`HTTP/1.0 200\r\ncontent-LENGTH:\t ${RESPONSE.length} \r\n\r\n${RESPONSE}`)],
      ],
      ["with bytes after it", [Buffer.concat([whole, Buffer.from("HTTP/1.1 500 No\r\n")])]],
    ])("the body of a 200 %s", async (_what, pieces, body = RESPONSE) => {
      await using server = await startRawServer({
        async onRequest({ socket }) {
          socket.setNoDelay(true);
          for (const piece of pieces) {
            socket.write(piece);
            await setImmediate();
          }
        },
      });
      expect(await callShim(build.path, server.path)).toEqual(success(body));
    });

    test("a response that came before the request was read", async () => {
      await using server = await startRawServer({
        onConnection: (socket) => socket.end(httpResponse("200 OK", RESPONSE), () => socket.destroy()),
      });
      const stdin = Buffer.alloc(256 * KIB, "r");
      expect(await callShim(build.path, server.path, { stdin })).toEqual(success(RESPONSE));
      expect(server.received).toHaveLength(1);
    });

    test.each(
      "500 Internal Server Error|503 Service Unavailable|404 Not Found|204 No Content|201 Created|302 Found".split("|"),
    )("nothing for a status other than 200: %s", async (status) => {
      const line = "ocir-broker: wait-timeout: no token was available in time; wait\n";
      await using server = await startAnswering(status, line);
      expect(await callShim(build.path, server.path)).toEqual({ exitCode: 1, stdout: "", stderr: line });
      expect(server.received).toHaveLength(1);
    });

    test.each([
      ["stdout is full", ">/dev/full", "shim-output-failed"],
      ["stdin is closed", "<&-", "shim-request-unreadable"],
    ])("nothing, and reports the error, when %s", async (_what, redirection, code) => {
      await using server = await startAnswering("200 OK", RESPONSE);
      const args = ["-c", `exec "$0" ${redirection}`, build.path];
      expect(await callShim("/bin/sh", server.path, { args })).toEqual(failure(code));
    });

    test("nothing, and is not killed by a signal, when stdout has no reader", async () => {
      const started = Promise.withResolvers<ChildProcess>();
      await using server = await startRawServer({
        async onRequest({ socket }) {
          (await started.promise).stdout?.destroy();
          await setImmediate();
          socket.end(httpResponse("200 OK", RESPONSE));
        },
      });
      const { child, ended } = startShim(build.path, server.path);
      started.resolve(child);
      expect(await ended).toEqual(failure("shim-output-failed"));
    });

    test.each([
      ["stdout", ">&-", failure("shim-output-failed")],
      ["stderr", "2>&-", success(RESPONSE)],
      ["both", ">&- 2>&-", { exitCode: 1, stdout: "", stderr: "" }],
    ])("never to the socket, when started with %s closed", async (_what, redirection, outcome) => {
      await using server = await startRawServer({
        onRequest: ({ socket }) => socket.write(httpResponse("200 OK", RESPONSE)),
      });
      const args = ["-c", `exec "$0" ${redirection}`, build.path];
      expect(await callShim("/bin/sh", server.path, { args, stdin: "request" })).toEqual(outcome);
      expect(server.received.map((bytes) => bytes.toString().endsWith("\r\n\r\nrequest"))).toEqual([true]);
    });
  });
});

describeShim("credential-provider-oke-sa", (build) => {
  const ANONYMOUS = { username: "", password: "" };
  const ANONYMOUS_RESPONSE = JSON.stringify({
    kind: "CredentialProviderResponse",
    apiVersion: "credentialprovider.kubelet.k8s.io/v1",
    cacheKeyType: "Registry",
    cacheDuration: "0s",
    auth: { "*.ocir.io": ANONYMOUS, "ocir.*.oci.*.*": ANONYMOUS },
  });
  const JOURNAL_LIMIT = Number(readFileSync("/proc/sys/net/unix/max_dgram_qlen", "utf8"));

  /** Its stdout is followed by the journal's messages, which are read after its end. */
  async function callWithJournal(program: string, socketPath: string, times = 1) {
    const folder = temporaryFolder();
    symlinkSync(program, join(folder, "credential-provider-oke-sa"));
    const loop = `for call in $(seq ${times}); do echo "{}" | ./credential-provider-oke-sa; done`;
    const script = `cd "$0" && exec "$1" journal /bin/sh -c '${loop}'`;
    return callShim("/bin/sh", socketPath, { args: ["-c", script, folder, builtPath("receive-datagrams")] });
  }

  test.each<[what: string, code: string, answer: RawServerOptions]>([
    ["breaks each connection", "shim-connection-broken", { onConnection: (socket) => socket.destroy() }],
    ["does not respond in time", "shim-timeout", {}],
    ["sends no HTTP", "shim-response-invalid", { onRequest: ({ socket }) => socket.end("SSH-2.0\r\n") }],
    ["fails", "internal", sending("500 No", "ocir-broker: internal: it failed; see the journal\n")],
    ["stops, without a message", "shim-response-status", sending("503 No", "")],
    ["sends an empty 200", "shim-response-empty", sending("200 OK", "")],
  ])("permits anonymous pulls, and reports it to the journal, when the daemon %s", async (_what, code, answer) => {
    await using server = await startRawServer(answer);
    const { exitCode, stdout, stderr } = await callWithJournal(build.hastyPath, server.path);
    expect([exitCode, stderr]).toEqual([0, expect.stringMatching(lineOf(code))]);
    expect(stdout).toBe(`${ANONYMOUS_RESPONSE}message <28>credential-provider-oke-sa: ${stderr}`);
  });

  test("permits anonymous pulls when nothing listens, also without a journal", async () => {
    const link = join(temporaryFolder(), "credential-provider-oke-sa");
    symlinkSync(build.quickPath, link);
    const { exitCode, stdout, stderr } = await callShim(link, "/nowhere");
    expect([exitCode, stdout, stderr]).toEqual([
      0,
      ANONYMOUS_RESPONSE,
      expect.stringMatching(lineOf("shim-socket-missing")),
    ]);
  });

  test("does not wait for a journal that reads nothing", async () => {
    await using server = await startAnswering("500 No", "it failed\n");
    const { stdout } = await callWithJournal(build.quickPath, server.path, JOURNAL_LIMIT + 5);
    expect(stdout.split(ANONYMOUS_RESPONSE)).toHaveLength(JOURNAL_LIMIT + 6);
    expect(stdout.split("it failed").length).toBeLessThan(JOURNAL_LIMIT + 5);
  });

  test.each([
    ["credentials", "200 OK", RESPONSE, success(RESPONSE)],
    ["an error of the request", "400 No", "wrong\n", { exitCode: 1, stdout: "", stderr: "wrong\n" }],
  ])("passes on %s, and reports nothing", async (_what, status, body, result) => {
    await using server = await startAnswering(status, body);
    expect(await callWithJournal(build.quickPath, server.path)).toEqual(result);
  });
});

function sending(status: string, body: string): RawServerOptions {
  return { onRequest: ({ socket }) => socket.end(httpResponse(status, body)) };
}

describe("credential-provider-oke as it is shipped", () => {
  beforeAll(() => make("install"), 120_000);

  const noMusl = hasProgram("musl-gcc") ? "" : " (skipped: needs musl-gcc)";
  test.skipIf(noMusl !== "")(`is at most 100 KiB${noMusl}`, () => {
    expect(statSync(distPath("credential-provider-oke")).size).toBeLessThanOrEqual(100 * KIB);
  });

  test.skipIf(noMusl !== "")(
    `needs at most 1.5 MiB of memory, untouched pages included, for the largest request and response${noMusl}`,
    async () => {
      const response = "b".repeat(64 * KIB);
      await using server = await startAnswering("200 OK", response);
      const limited = ["-c", `ulimit -v 1536; exec ${distPath("credential-provider-oke")}`];
      const stdin = Buffer.alloc(256 * KIB, "r");
      expect(await callShim("/bin/sh", server.path, { args: limited, stdin })).toEqual(success(response));
    },
  );

  test.each(["credential-provider-oke", "docker-credential-ocir", "ocir-broker-launch"])(
    "%s is position-independent, and needs no dynamic loader",
    (name) => {
      const program = readFileSync(distPath(name));
      const type = program.readUInt16LE(16);
      expect({ type, hasLoader: program.includes("/ld-") }).toEqual({ type: ET_DYN, hasLoader: false });
    },
  );

  test("is identical, byte for byte, when built in another folder", { timeout: 60_000 }, () => {
    const directory = temporaryFolder();
    make("--always-make", `DIST=${directory}`, "install");
    for (const name of ["credential-provider-oke", "docker-credential-ocir", "ocir-broker-launch"]) {
      expect(readFileSync(join(directory, name)).equals(readFileSync(distPath(name)))).toBe(true);
    }
  });
});
