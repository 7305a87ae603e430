/** The error for a configuration file that is invalid or unreadable. */
import { BrokerError } from "@ocir-broker/errors/broker-error";

interface ConfigErrorOptions extends ErrorOptions {
  /** What mends an unreadable file, a command if there is one; the message ends with it. */
  readonly fix?: string;
}

export class ConfigError extends BrokerError {
  declare readonly code: "config-invalid" | "config-unreadable";
  /** Only lines and known keys, so any user may read them; the message contains values. */
  readonly places: readonly string[];
  /** The message without its fix. */
  readonly what: string;
  readonly fix: string | undefined;

  constructor(code: ConfigError["code"], what: string, places: readonly string[], options: ConfigErrorOptions = {}) {
    super(code, options.fix === undefined ? what : `${what}; ${options.fix}`, options);
    this.places = places;
    this.what = what;
    this.fix = options.fix;
  }
}
