/** A request from standard input, and its response to standard output. */
import { readBounded } from "@ocir-broker/foundation/upstream";
import { MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";
import { ProtocolError } from "@ocir-broker/protocol/protocol-error";

/** @throws {ProtocolError} `request-too-large` */
export async function readRequest(): Promise<Buffer> {
  const request = await readBounded(process.stdin, MAX_REQUEST_BYTES);
  if (request === undefined) throw new ProtocolError("request-too-large");
  return request;
}

/** @returns whether it could be written. */
export function writeOut(text: string | Buffer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  process.stdout.write(text, (error) => resolve(error == null));
  return promise;
}
