/** A request from standard input, and its response to standard output. */
import { BrokerError } from "@ocir-broker/errors/broker-error";
import { ERROR_TABLE } from "@ocir-broker/errors/catalogue";
import { readBounded } from "@ocir-broker/foundation/upstream";
import { MAX_REQUEST_BYTES } from "@ocir-broker/protocol/contract";

/** @throws {BrokerError} `body-too-large` */
export async function readRequest(): Promise<Buffer> {
  const request = await readBounded(process.stdin, MAX_REQUEST_BYTES);
  if (request === undefined) throw new BrokerError("body-too-large", `stdin: ${ERROR_TABLE["body-too-large"].what}`);
  return request;
}

/** @returns whether it could be written. */
export function writeOut(text: string | Buffer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  process.stdout.write(text, (error) => resolve(error == null));
  return promise;
}
