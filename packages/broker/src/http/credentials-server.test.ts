import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createSystemClock } from "@ocir-broker/foundation";
import { MAX_REQUEST_BYTES } from "@ocir-broker/protocol";
import { expect, it, onTestFinished } from "vitest";
import { JSON_TYPE } from "../errors/response.ts";
import type { AnswerCredentials } from "../pulls/kubelet-request.ts";
import { createCredentialsServer } from "./credentials-server.ts";

/** Posts a body; returns the received bytes, and the lengths of the bodies that were passed on. */
async function post(body: string, headers: string): Promise<{ heard: string; passedOn: number[]; served: number }> {
  const directory = mkdtempSync(join(tmpdir(), "credentials-"));
  const path = join(directory, "credentials.sock");
  const passedOn: number[] = [];
  let served = 0;
  const answer: AnswerCredentials = async (bytes) => {
    passedOn.push(bytes.length);
    return { status: 200, contentType: JSON_TYPE, body: Buffer.from("{}"), outcome: "hit" };
  };
  const server = createCredentialsServer({
    clock: createSystemClock(),
    answer,
    answerDockerCredential: answer,
    deadlineMs: 1_000,
    onServed: () => {
      served += 1;
    },
  });
  onTestFinished(async () => {
    await server.stop(0);
    rmSync(directory, { recursive: true });
  });
  await server.listen({ path, mode: 0o600 });
  const socket = connect(path);
  socket.write(`POST /v1/credentials HTTP/1.1\r\n${headers}\r\n\r\n${body}`);
  return { heard: await text(socket), passedOn, served };
}

it("createCredentialsServer passes on a body of the largest size", async () => {
  const body = "x".repeat(MAX_REQUEST_BYTES);
  const { heard, passedOn, served } = await post(body, `Content-Length: ${body.length}`);
  expect([heard.slice(0, 15), passedOn, served]).toEqual(["HTTP/1.1 200 OK", [MAX_REQUEST_BYTES], 1]);
});

it("createCredentialsServer answers a body that is too large once, and passes nothing on", async () => {
  const body = "x".repeat(MAX_REQUEST_BYTES + 1);
  const { heard, ...rest } = await post(body, `Content-Length: ${body.length}`);
  expect(heard.match(/HTTP\/1.1 /g)).toHaveLength(1);
  expect(heard).toMatch(/^HTTP\/1.1 413 [\s\S]*\r\n\r\nocir-broker: body-too-large: [ -~]+\n$/);
  expect(rest).toEqual({ passedOn: [], served: 0 });
});
