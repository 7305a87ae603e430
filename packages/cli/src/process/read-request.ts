/** Reads a request from standard input to its end. */
import { BrokerError } from "@ocir-broker/credentials/errors/broker-error";
import { ERROR_TABLE } from "@ocir-broker/errors/catalogue";
import { MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";

/** @throws {BrokerError} `body-too-large` */
export async function readRequest(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of process.stdin) {
    bytes += piece.length;
    if (bytes > MAX_REQUEST_BYTES)
      throw new BrokerError("body-too-large", `stdin: ${ERROR_TABLE["body-too-large"].what}`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
