/** The error for a configuration file that is invalid or unreadable. */
import { BrokerError } from "./broker-error.ts";

export class ConfigError extends BrokerError {
  declare readonly code: "config-invalid" | "config-unreadable";
  /** Only lines and known keys, so any user may read them; the message contains values. */
  readonly places: readonly string[];

  constructor(code: ConfigError["code"], message: string, places: readonly string[], options?: ErrorOptions) {
    super(code, message, options);
    this.places = places;
  }
}
