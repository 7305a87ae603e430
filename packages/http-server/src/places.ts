/**
 * The places of a TCP server's connections. A new connection always gets one, because it may be a probe. If all are taken, the address
 * with the most loses its oldest connection that has not sent its request, or else its oldest. So no pod takes the places of others,
 * and a probe keeps its place while hundreds of connections from its own address follow.
 */
import type { Socket } from "node:net";

interface Place {
  readonly socket: Socket;
  readonly address: string | undefined;
  isIdle: boolean;
}

export class Places {
  readonly #count: number;
  /** The oldest first. */
  readonly #taken = new Map<Socket, Place>();

  constructor(count: number) {
    this.#count = count;
  }

  enter(socket: Socket): void {
    if (this.#taken.size >= this.#count) this.#free();
    this.#taken.set(socket, { socket, address: socket.remoteAddress, isIdle: true });
    socket.once("close", () => this.#taken.delete(socket));
  }

  /** Its request is complete. */
  setBusy(socket: Socket): void {
    const place = this.#taken.get(socket);
    if (place !== undefined) place.isIdle = false;
  }

  #free(): void {
    let most: readonly Place[] = [];
    for (const places of Map.groupBy(this.#taken.values(), ({ address }) => address).values())
      if (places.length > most.length) most = places;
    const socket = (most.find(({ isIdle }) => isIdle) ?? most[0])?.socket;
    if (socket === undefined) return;
    this.#taken.delete(socket);
    // Without a reset, the kernel would keep it until the client has closed it too.
    socket.resetAndDestroy();
  }
}
