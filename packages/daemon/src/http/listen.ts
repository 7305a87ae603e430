/**
 * Makes a server listen: on a socket that it creates with the right mode from the start, or on a descriptor from systemd
 * (socket activation).
 *
 * A stale socket file is replaced; a file that is not a socket, or whose socket is answered, is not. Two processes that find the same
 * stale file at once may both replace it: the later one then gets the calls. When the server closes,
 * libuv removes a socket file that it bound, but not the file of an inherited descriptor.
 */
import { once } from "node:events";
import { lstatSync, rmSync } from "node:fs";
import { connect, type Server } from "node:net";
import { BrokerError } from "@ocir-broker/errors/broker-error";
import { codeOf } from "@ocir-broker/errors/describe-error";

export type ListenAddress = { readonly path: string; readonly mode: 0o600 | 0o660 } | { readonly fd: number };

/** For bursts of pulls; the kernel limits this to net.core.somaxconn. */
const BACKLOG = 4_096;

/** @throws {BrokerError} `socket-in-use`, `socket-not-listening` */
export async function listenOn(server: Server, address: ListenAddress): Promise<void> {
  if ("fd" in address) return listening(server, () => server.listen({ fd: address.fd }));
  const { path, mode } = address;
  try {
    await listenOnPath(server, path, mode);
  } catch (error) {
    if (codeOf(error) !== "EADDRINUSE") throw notListening(path, error);
    await reclaimStaleSocket(server, path, mode);
  }
}

async function reclaimStaleSocket(server: Server, path: string, mode: number): Promise<void> {
  if (!lstatSync(path).isSocket() || (await isAnswered(path)))
    throw new BrokerError("socket-in-use", `${path}: another process listens here`);
  rmSync(path);
  await listenOnPath(server, path, mode).catch((error: unknown) => {
    throw notListening(path, error);
  });
}

function listenOnPath(server: Server, path: string, mode: number): Promise<void> {
  return listening(server, () => {
    // listen() binds before it returns, so the umask applies to this file only; a chmod afterwards would be too late.
    const before = process.umask(0o777 & ~mode);
    try {
      server.listen({ path, backlog: BACKLOG });
    } finally {
      process.umask(before);
    }
  });
}

async function listening(server: Server, listen: () => void): Promise<void> {
  const begun = once(server, "listening");
  listen();
  await begun;
}

/** Whether a process accepts connections there. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(path);
    client.once("connect", () => {
      client.destroy();
      resolve(true);
    });
    client.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED"));
  });
}

function notListening(path: string, error: unknown): BrokerError {
  return new BrokerError("socket-not-listening", `${path}: cannot listen here`, { cause: error });
}
