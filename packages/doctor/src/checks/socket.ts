/** Checks that no unit is masked, and that only root can connect to the credentials socket: any client gets tokens. */
import type { Check } from "../check-context.ts";
import { finding } from "../finding.ts";

export const checkSocket: Check = async ({ files, config, ownerId }) => {
  const path = config.sockets.credentials;
  const stats = files.lstat(path);
  if ("failure" in stats)
    return finding(stats.failure === "EACCES" ? "needs-root" : "socket-missing", `${path}: ${stats.failure}`);
  const { value } = stats;
  const mode = (value.mode & 0o777).toString(8).padStart(4, "0");
  const evidence = `${path}: mode ${mode}, owner ${value.uid}:${value.gid}`;
  return finding(mode === "0600" && value.uid === ownerId ? "socket-ok" : "socket-mode", evidence);
};

const FOLDERS = ["/etc/systemd/system", "/run/systemd/system"];
const UNITS = ["ocir-broker.socket", "ocir-broker-health.socket", "ocir-broker.service"];

export const checkMaskedUnits: Check = async ({ files }) => {
  const masked = UNITS.filter((unit) =>
    FOLDERS.some((folder) => {
      const link = files.readLink(`${folder}/${unit}`);
      return "value" in link && link.value === "/dev/null";
    }),
  );
  return masked.length === 0 ? [] : finding("unit-masked", masked.join(" "));
};
