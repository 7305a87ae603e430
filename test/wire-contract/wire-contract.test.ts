/** The contract of shim and daemon of different releases is recorded.json, which changes only by adding. */
import { symlinkSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { clusterSection } from "@ocir-broker/config/test/config";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { callCredentialProvider } from "@ocir-broker/testkit/credential-provider-call";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { describe, expect, it } from "vitest";
import { startRawServer } from "../../packages/native/test/raw-socket-server.ts";
import { DOCKER_HELPER, SHIM } from "../daemon.ts";
import { startInProcess } from "../system/in-process-broker.ts";
import recorded from "./recorded.json" with { type: "json" };

const programs = temporaryFolder();
const clock = createSystemClock();
const simulator = await sharedSimulator({ clock });
symlinkSync(SHIM, join(programs, "credential-provider-oke"));
symlinkSync(SHIM, join(programs, "credential-provider-oke-sa"));
symlinkSync(DOCKER_HELPER, join(programs, "docker-credential-ocir"));

describe.each(recorded)("$what:", ({ program, arguments: args, stdin, request, response, ...row }) => {
  it("the daemon responds as recorded", async () => {
    const registries = { prefetch: [], endpoints: { "iad.ocir.io": simulator.registryUrl.origin } };
    const serviceAccounts = row.hasServiceAccounts ? clusterSection(simulator, temporaryFolder()) : {};
    const config = { registries, request: { deadline: "2s" }, serviceAccounts };
    const broker = await startInProcess({ clock, simulator, config });
    if (row.isCloudFaulty) simulator.faults({ endpoint: "registry.token", status: 503 });
    const [head = "", body = ""] = (await send(broker.socketPath, request)).split("\r\n\r\n");
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${response.status} `));
    const fields = [`content-type: ${response.contentType}`, `content-length: ${Buffer.byteLength(body)}`];
    expect(head.toLowerCase().split("\r\n")).toEqual(expect.arrayContaining(fields));
    expect(meaningOf(body.replaceAll(/ey[\w-]+\.[\w-]+\.[\w-]+/g, "<token>"))).toEqual(meaningOf(response.body));
  });

  it("the shim sends the recorded request, again when the connection breaks, and passes on or replaces the response", async () => {
    const { status, contentType, body } = response;
    const fields = [`Content-Type: ${contentType}`, `Content-Length: ${Buffer.byteLength(body)}`, "Connection: close"];
    await using server = await startRawServer({
      onRequest({ connection, socket }) {
        if (connection === 1) socket.destroy();
        else socket.end([`HTTP/1.1 ${status} Any`, ...fields, "", body].join("\r\n"));
      },
    });
    const env = { OCIR_BROKER_SOCKET: server.path };
    const result = await callCredentialProvider({ path: join(programs, program), args, stdin, env });
    expect(server.received.map((bytes) => withoutVersion(String(bytes)))).toEqual(
      Array(2).fill(withoutVersion(request)),
    );
    const isHelper = program === "docker-credential-ocir";
    // A helper's client reads one line; a second is for people.
    const end = status === 200 ? body.length : isHelper ? body.indexOf("\n") + 1 : 0;
    const passedOn = { exitCode: status === 200 ? 0 : 1, stdout: body.slice(0, end), stderr: body.slice(end) };
    expect(result).toMatchObject(row.output ?? passedOn);
  });
});

function send(socketPath: string, request: string): Promise<string> {
  const socket = connect(socketPath);
  socket.write(request);
  return text(socket);
}

/** The part of a body that its reader uses: JSON values, or lines, of an error's only the code. */
const meaningOf = (body: string): unknown =>
  body.startsWith("{") ? JSON.parse(body) : body.replace(/^ocir-broker: ([a-z-]+): .*/m, "$1");

const withoutVersion = (request: string) => request.replace(/^(User-Agent: .*)\/.*$/m, "$1");
