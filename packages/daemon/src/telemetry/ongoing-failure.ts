/** A failure that may repeat for hours: logged once, and again only when its code changes. */
import type { Log } from "./log.ts";

export class OngoingFailure {
  readonly #log: Log;
  readonly #message: string;
  #code: string | undefined;

  constructor(log: Log, message: string) {
    this.#log = log;
    this.#message = message;
  }

  /** Undefined while there is no failure. */
  get code(): string | undefined {
    return this.#code;
  }

  failed(code: string, facts: object = {}): void {
    if (code !== this.#code) this.#log.warn({ ...facts, code }, this.#message);
    this.#code = code;
  }

  ended(): void {
    this.#code = undefined;
  }
}
