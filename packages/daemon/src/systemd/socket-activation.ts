/**
 * Socket activation (sd_listen_fds): systemd's listening sockets are the descriptors from 3 on, each with a name.
 *
 * They are identified by name, never by position: systemd's order is not stable, and a mistake would serve credentials on
 * the health socket.
 */
import { BrokerError } from "@ocir-broker/errors/broker-error";

const FIRST_DESCRIPTOR = 3;

type SocketName = "credentials" | "health";
type ListenFds = Readonly<Partial<Record<SocketName, number>>>;

/**
 * @returns an empty object if systemd passed no socket to this process.
 * @throws {BrokerError} `socket-not-listening` if the sockets have no names.
 */
export function listenFds(environment: NodeJS.ProcessEnv, pid: number): ListenFds {
  const count = Number.parseInt(environment["LISTEN_FDS"] ?? "0", 10);
  if (environment["LISTEN_PID"] !== String(pid) || !(count > 0)) return {};
  const names = (environment["LISTEN_FDNAMES"] ?? "").split(":").slice(0, count);
  const found = { ...descriptorNamed("credentials", names), ...descriptorNamed("health", names) };
  if (Object.keys(found).length === 0) {
    throw new BrokerError(
      "socket-not-listening",
      'the sockets from systemd have no names: set FileDescriptorName= to "credentials" and "health"',
    );
  }
  return found;
}

function descriptorNamed(name: SocketName, names: readonly string[]): ListenFds {
  const index = names.indexOf(name);
  return index < 0 ? {} : { [name]: FIRST_DESCRIPTOR + index };
}
