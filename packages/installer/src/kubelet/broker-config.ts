/** The broker's configuration for service accounts: the token exchange and the audience of the kubelet's tokens. Pure. */
import { checkConfig, DEFAULT_CONFIG_PATH } from "@ocir-broker/config/load";
import type { Config } from "@ocir-broker/config/schema";
import { stringify } from "yaml";
import { InstallError } from "../install-error.ts";

/**
 * Adds serviceAccounts.tokenExchange to a configuration that has none. An existing one stays.
 *
 * @param existing the administrator's text, without our change.
 * @param audience undefined: any.
 * @throws {InstallError} `connect` if the text has errors or excludes the audience.
 */
export function withTokenExchange(existing: string, audience: string | undefined): string {
  const before = configIn(existing, (errors) => `${DEFAULT_CONFIG_PATH} has errors: ${errors}`);
  const section = stringify({ serviceAccounts: { tokenExchange: "oke", ...(audience !== undefined && { audience }) } });
  const text = before.serviceAccounts.tokenExchange === "none" ? `${existing}\n${section}` : existing;
  const { serviceAccounts } = configIn(
    text,
    (errors) =>
      `add serviceAccounts.tokenExchange and serviceAccounts.audience to ${DEFAULT_CONFIG_PATH} by hand: ${errors}`,
  );
  const found = serviceAccounts.audience;
  if (audience === undefined || found === undefined || found === audience) return text;
  throw new InstallError(
    "connect",
    `the broker would refuse the kubelet's tokens: set serviceAccounts.audience in ${DEFAULT_CONFIG_PATH} to ${audience}, or remove it`,
  );
}

/** Undefined if the configuration has errors. */
export function serviceAccountsIn(text: string): Config["serviceAccounts"] | undefined {
  const checked = checkConfig(text);
  return "config" in checked ? checked.config.serviceAccounts : undefined;
}

function configIn(text: string, reason: (errors: string) => string): Config {
  const checked = checkConfig(text);
  if ("config" in checked) return checked.config;
  throw new InstallError("connect", reason(checked.errors.join("; ")));
}
