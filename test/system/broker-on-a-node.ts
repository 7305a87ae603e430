/**
 * What a node has once ocir-broker is installed: units, groups, folders, launcher, daemon. One list for all system
 * tests. It installs nothing by itself; `bootSystemd` does.
 */
import { join } from "node:path";
import type { InstalledFile } from "./systemd-root/index.ts";

const CHECKOUT = join(import.meta.dirname, "../..");

export const CREDENTIALS_SOCKET = "/run/ocir-broker/credentials.sock";
export const HEALTH_SOCKET = "/run/ocir-broker/health.sock";
export const METRICS_FOLDER = "/run/ocir-broker-metrics";
export const UNITS = ["ocir-broker.service", "ocir-broker.socket", "ocir-broker-health.socket"] as const;

export const DAEMON: InstalledFile = {
  from: join(CHECKOUT, "dist/ocir-broker"),
  to: "/usr/local/bin/ocir-broker",
  mode: 0o755,
};

export const BROKER_FILES: readonly InstalledFile[] = [
  ...UNITS.map((unit) => ({ from: join(CHECKOUT, "systemd", unit), to: `/usr/lib/systemd/system/${unit}` })),
  { from: join(CHECKOUT, "systemd/ocir-broker.sysusers.conf"), to: "/usr/lib/sysusers.d/ocir-broker.conf" },
  { from: join(CHECKOUT, "systemd/ocir-broker.tmpfiles.conf"), to: "/usr/lib/tmpfiles.d/ocir-broker.conf" },
  { from: join(CHECKOUT, "dist/ocir-broker-launch"), to: "/usr/local/libexec/ocir-broker-launch", mode: 0o755 },
  DAEMON,
];

/** Settings added to a unit, as an administrator would. */
export function dropIn(unit: string, name: string, text: string): InstalledFile {
  return { from: { text }, to: `/etc/systemd/system/${unit}.d/${name}.conf` };
}
