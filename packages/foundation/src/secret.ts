/**
 * Text that must not leave memory: a token, a key, a header that carries one.
 *
 * String conversion, JSON, util.inspect and logs show `[redacted]`. Only `reveal()` returns the text, so that every use can be
 * found by name.
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
