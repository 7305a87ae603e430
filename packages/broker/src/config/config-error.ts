/** A configuration file that cannot be used as it is. */
import { BrokerError } from "../errors/broker-error.ts";

export class ConfigError extends BrokerError {
  declare readonly code: "config-invalid" | "config-unreadable";
  /** Lines and known keys only, so that anyone may see them; the message has the values. */
  readonly places: readonly string[];

  constructor(code: ConfigError["code"], message: string, places: readonly string[], options?: ErrorOptions) {
    super(code, message, options);
    this.places = places;
  }
}
