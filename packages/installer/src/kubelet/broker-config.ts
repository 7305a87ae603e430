/** The broker's configuration: the administrator's or that of the node's pool, and with service accounts the token exchange. */
import { checkConfig, DEFAULT_CONFIG_PATH, parseYaml } from "@ocir-broker/config/load";
import type { Config } from "@ocir-broker/config/schema";
import { POOL_CONFIG_FILE } from "@ocir-broker/protocol/contract";
import { stringify } from "yaml";
import type { Change } from "../change.ts";
import { InstallError } from "../install-error.ts";
import { STATE_FOLDER } from "../installed-files.ts";
import type { NodeRun } from "../node-run.ts";
import { withoutTokenExchange } from "../without-ours.ts";

/** A proxy's URL may have a password. The unit copies the file for the daemon. */
const MODE = 0o600;

/** What `node install --config` was given last; undefined if the pool has no configuration. */
export function poolConfig({ disk }: Pick<NodeRun, "disk">): string | undefined {
  return disk.read(POOL_CONFIG_FILE)?.toString();
}

export function savePoolConfig({ disk }: Pick<NodeRun, "disk">, pool: string | undefined): void {
  disk.makeFolder(STATE_FOLDER, 0o700);
  disk.write(POOL_CONFIG_FILE, pool === undefined ? { kind: "absent" } : { kind: "text", text: pool, mode: MODE });
}

/** What a given text, which is checked, means: without any setting, the pool's configuration is taken back. */
export function poolConfigIn(given: string): string | undefined {
  return hasSettings(given) ? given : undefined;
}

/** False for a text that is not YAML. */
export function hasSettings(text: string): boolean {
  const { value } = parseYaml(text);
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

/** The configuration without what `connect` adds; undefined if there is none. */
export function configBelow(node: Pick<NodeRun, "disk" | "copies">): string | undefined {
  return isOurs(node) ? (poolConfig(node) ?? node.copies.originalText(DEFAULT_CONFIG_PATH)) : ownConfig(node);
}

/** The change to the pool's configuration, or back to the administrator's; the token exchange stays. Undefined if there is none. */
export function poolConfigChange(node: NodeRun, pool: string | undefined): Change | undefined {
  const current = node.disk.read(DEFAULT_CONFIG_PATH)?.toString();
  const hasExchange = isOurs(node) && current !== configBelow(node);
  const audience = hasExchange ? serviceAccountsIn(current ?? "")?.audience : undefined;
  const base = pool ?? ownConfig(node);
  if (audience !== undefined) return brokerChange(node, withTokenExchange(base ?? "", audience), pool);
  return pool === undefined ? undefined : brokerChange(node, pool, pool);
}

/** Gives the daemon the pool's configuration, or the administrator's. @returns whether the daemon's has changed. */
export function applyPoolConfig(node: NodeRun, pool: string | undefined): boolean {
  const change = poolConfigChange(node, pool);
  savePoolConfig(node, pool);
  if (change !== undefined) return node.change([change]);
  const entry = node.copies.entries()[DEFAULT_CONFIG_PATH];
  const content = entry && node.copies.restoration(DEFAULT_CONFIG_PATH, entry);
  const restored =
    content === undefined ? [] : [{ kind: "broker-configuration", path: DEFAULT_CONFIG_PATH, content } as const];
  node.restore(["broker-configuration"], restored);
  return content !== undefined;
}

/** @param pool whose file's mode and owner it has, or else those of the administrator's file. */
export function brokerChange(node: NodeRun, text: string, pool: string | undefined): Change {
  const { copies } = node;
  const own = isOurs(node) && copies.hasCopy(DEFAULT_CONFIG_PATH) ? copies.copyOf(DEFAULT_CONFIG_PATH) : undefined;
  const like = pool === undefined ? own : POOL_CONFIG_FILE;
  return {
    kind: "broker-configuration",
    path: DEFAULT_CONFIG_PATH,
    content: { kind: "text", text, mode: MODE, like },
  };
}

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

function isOurs({ copies }: Pick<NodeRun, "copies">): boolean {
  return copies.entries()[DEFAULT_CONFIG_PATH] !== undefined && copies.isOurs(DEFAULT_CONFIG_PATH);
}

/** The administrator's, also where the pool's has replaced it. */
function ownConfig(node: Pick<NodeRun, "disk" | "copies">): string | undefined {
  if (isOurs(node)) return node.copies.originalText(DEFAULT_CONFIG_PATH);
  const text = node.disk.read(DEFAULT_CONFIG_PATH)?.toString();
  const hadOurs = node.copies.entries()[DEFAULT_CONFIG_PATH] !== undefined;
  return text !== undefined && hadOurs ? withoutTokenExchange(text) : text;
}

function configIn(text: string, reason: (errors: string) => string): Config {
  const checked = checkConfig(text);
  if ("config" in checked) return checked.config;
  throw new InstallError("connect", reason(checked.errors.join("; ")));
}
