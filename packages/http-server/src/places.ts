/**
 * The places of a TCP server's connections. Each client address has a few, so a pod cannot take those of others. A new connection
 * always gets a place, because it may be a probe: the oldest one gives way that has not sent its request, else the oldest.
 */
import type { Socket } from "node:net";

export interface PlaceLimits {
  readonly perAddress: number;
  readonly total: number;
}

interface Place {
  readonly socket: Socket;
  readonly address: string | undefined;
  isIdle: boolean;
}

export class Places {
  readonly #limits: PlaceLimits;
  /** The oldest first. */
  readonly #taken = new Map<Socket, Place>();

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  enter(socket: Socket): void {
    const address = socket.remoteAddress;
    const taken = [...this.#taken.values()];
    const ofAddress = taken.filter((place) => place.address === address);
    if (ofAddress.length >= this.#limits.perAddress) this.#close(ofAddress);
    else if (taken.length >= this.#limits.total) this.#close(taken);
    this.#taken.set(socket, { socket, address, isIdle: true });
    socket.once("close", () => this.#taken.delete(socket));
  }

  /** Its request is complete. */
  setBusy(socket: Socket): void {
    const place = this.#taken.get(socket);
    if (place !== undefined) place.isIdle = false;
  }

  #close(places: readonly Place[]): void {
    const socket = (places.find(({ isIdle }) => isIdle) ?? places[0])?.socket;
    if (socket === undefined) return;
    this.#taken.delete(socket);
    // Without a reset, the kernel would keep it until the client has closed it too.
    socket.resetAndDestroy();
  }
}
