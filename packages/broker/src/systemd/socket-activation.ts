/**
 * Sockets that systemd listens on for us (sd_listen_fds): descriptors from 3 on, each with a name.
 *
 * They are mapped by name, never by place: systemd's order is not stable, and mixing them up would serve
 * credentials on the socket that everybody may use.
 */
import { BrokerError } from "../errors/broker-error.ts";

const FIRST_DESCRIPTOR = 3;

/** The handover's memfd comes back the same way; it is not a socket, and it may come alone. */
const STATE_NAME = "state";

export interface ListenFds {
  readonly credentials?: number;
  readonly health?: number;
}

/**
 * @returns nothing where systemd handed nothing over, or to another process.
 * @throws {BrokerError} `socket-not-listening` when sockets came without the names that tell them apart.
 */
export function listenFds(environment: Readonly<Record<string, string | undefined>>, pid: number): ListenFds {
  const count = Number.parseInt(environment["LISTEN_FDS"] ?? "0", 10);
  if (environment["LISTEN_PID"] !== String(pid) || !(count > 0)) return {};
  const names = (environment["LISTEN_FDNAMES"] ?? "").split(":").slice(0, count);
  const found = { ...descriptorNamed("credentials", names), ...descriptorNamed("health", names) };
  const isForUs = names.length < count || names.some((name) => name !== STATE_NAME);
  if (isForUs && Object.keys(found).length === 0) {
    throw new BrokerError(
      "socket-not-listening",
      'the sockets handed over are not named: set FileDescriptorName= to "credentials" and "health"',
    );
  }
  return found;
}

function descriptorNamed(name: "credentials" | "health", names: readonly string[]): ListenFds {
  const index = names.indexOf(name);
  return index < 0 ? {} : { [name]: FIRST_DESCRIPTOR + index };
}
