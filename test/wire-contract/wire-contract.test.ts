/**
 * Compatibility of shim and daemon of different releases. `<release>.json` has the requests of a release's shim and the answers
 * of its daemon. Today's daemon must answer those requests the same way, and today's shim must handle those answers the same
 * way. `RECORD_WIRE_CONTRACT=1` records a release without a file; an existing file never changes.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystemClock } from "@ocir-broker/foundation";
import { type Fault, type Simulator, startSimulator } from "@ocir-broker/oci-simulator";
import { callCredentialProvider } from "@ocir-broker/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import cliPackage from "../../packages/cli/package.json" with { type: "json" };
import { type RawServer, startRawServer } from "../../packages/native/test/raw-socket-server.ts";
import { type InProcessBroker, startInProcess } from "../system/in-process-broker.ts";
import { type Answer, CALLS, type Call, type Exchange, type Recording, type Request } from "./recording.ts";

const FOLDER = import.meta.dirname;
const SHIM = join(FOLDER, "../../dist/credential-provider-oke");
const REGISTRY_HOST = "iad.ocir.io";
const TOKEN = /ey[\w-]+\.[\w-]+\.[\w-]+/g;
const CLOUD_FAULT: Fault = { endpoint: "registry.token", status: 503 };

const programs = mkdtempSync(join(tmpdir(), "ocir-wire-contract-"));
const clock = createSystemClock();
let simulator: Simulator;

beforeAll(async () => {
  for (const name of ["credential-provider-oke", "docker-credential-ocir"]) symlinkSync(SHIM, join(programs, name));
  simulator = await startSimulator({ clock });
});

afterAll(async () => {
  await simulator.close();
  rmSync(programs, { recursive: true });
});

if (process.env["RECORD_WIRE_CONTRACT"]) {
  it("records this release", async () => {
    const exchanges: Exchange[] = [];
    for (const call of CALLS) {
      const { requests } = await callWith(call, [silence, silence]);
      const request = requests[0] as Request;
      const answer = await askDaemon(call, request);
      exchanges.push({ ...call, request, answer, result: (await callWith(call, [answer])).result });
    }
    const recording: Recording = { release: cliPackage.version, exchanges };
    writeFileSync(join(FOLDER, `${cliPackage.version}.json`), `${JSON.stringify(recording, null, 2)}\n`, {
      flag: "wx",
    });
  });
}

const recordings = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

describe.each(recordings)("as recorded in %s,", (name) => {
  const { exchanges } = JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Recording;

  describe.each(exchanges)("$what:", (exchange) => {
    const { request, answer, result } = exchange;

    it("the daemon answers", async () => {
      const now = await askDaemon(exchange, request);
      expect({ ...now, body: meaningOf(now.body) }).toEqual({ ...answer, body: meaningOf(answer.body) });
    });

    it("the shim takes the answer", async () => {
      expect((await callWith(exchange, [answer])).result).toEqual(result);
    });

    it("the shim asks what that daemon knows, and once more where the connection breaks", async () => {
      const { requests, result: afterRetry } = await callWith(exchange, [silence, answer]);
      expect(requests.map(withoutVersion)).toEqual([withoutVersion(request), withoutVersion(request)]);
      expect(afterRetry).toEqual(result);
    });
  });
});

/** Breaks the connection. */
const silence = undefined;

/** The real shim and a server that gives these answers, one for each connection. */
async function callWith(call: Call, answers: readonly (Answer | undefined)[]) {
  await using server: RawServer = await startRawServer({
    onRequest({ connection, socket }) {
      const answer = answers[connection - 1];
      if (answer === undefined) socket.destroy();
      else socket.end(bytesOf(answer));
    },
  });
  const { exitCode, stdout, stderr } = await callCredentialProvider({
    path: join(programs, call.program),
    args: call.arguments,
    stdin: call.stdin,
    env: { OCIR_BROKER_SOCKET: server.path, OCIR_BROKER_FALLBACK: "" },
  });
  return {
    requests: server.received.map((bytes) => {
      const [head = "", body = ""] = bytes.toString().split("\r\n\r\n");
      return { head: head.split("\r\n"), body };
    }),
    result: { exitCode, stdout: stdout.toString(), stderr },
  };
}

/** The real broker, with a simulator as its cloud. */
async function askDaemon(call: Call, { head, body }: Request): Promise<Answer> {
  const registries = { prefetch: [], endpoints: { [REGISTRY_HOST]: simulator.registryUrl.origin } };
  const broker: InProcessBroker = await startInProcess({
    clock,
    simulator,
    config: { registries, request: { deadline: "2s" } },
  });
  simulator.faults(...(call.isCloudFaulty ? [CLOUD_FAULT] : []));
  try {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    const pieces: Buffer[] = [];
    const socket = connect(broker.socketPath, () => socket.write(`${head.join("\r\n")}\r\n\r\n${body}`));
    socket.on("data", (piece: Buffer) => pieces.push(piece));
    socket.on("end", () => resolve(Buffer.concat(pieces)));
    socket.on("error", reject);
    const [answerHead = "", answerBody = ""] = (await promise).toString().split("\r\n\r\n");
    const [statusLine = "", ...fields] = answerHead.split("\r\n");
    const field = (name: string) =>
      fields.find((line) => line.toLowerCase().startsWith(`${name}: `))?.slice(name.length + 2) ?? "";
    expect(Number(field("content-length"))).toBe(Buffer.byteLength(answerBody));
    return {
      status: Number(statusLine.split(" ")[1]),
      contentType: field("content-type"),
      body: answerBody.replaceAll(TOKEN, "<token>"),
    };
  } finally {
    simulator.reset();
    await broker.close();
  }
}

function bytesOf({ status, contentType, body }: Answer): string {
  const fields = [`Content-Type: ${contentType}`, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
  return [`HTTP/1.1 ${status} Any`, ...fields, "", body].join("\r\n");
}

/** The part of an answer that its reader uses: JSON values, or the code of an error. */
function meaningOf(body: string): unknown {
  if (body.startsWith("{")) return JSON.parse(body);
  return /^ocir-broker: ([a-z-]+): /.exec(body)?.[1] ?? body;
}

function withoutVersion({ head, body }: Request): Request {
  return { head: head.map((line) => line.replace(/^(User-Agent: .*)\/.*$/, "$1")), body };
}
