/**
 * Text that must not leave memory: a token, a key, a header that carries one.
 *
 * Every way to print it (string conversion, JSON, util.inspect, a log) shows `[redacted]`; the text itself
 * is reached only through `reveal()`, so that every place which uses it can be found by name.
 */
import { inspect } from "node:util";

const REDACTED = "[redacted]";

export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
