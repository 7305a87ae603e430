/** Finds units of ours that are masked, which systemd neither starts nor enables. */
import type { Check } from "../check-context.ts";
import { finding } from "../finding.ts";

const FOLDERS = ["/etc/systemd/system", "/run/systemd/system"];
const UNITS = ["ocir-broker.socket", "ocir-broker-health.socket", "ocir-broker.service"];

export const checkMaskedUnits: Check = async ({ files }) => {
  const masked = UNITS.filter((unit) =>
    FOLDERS.some((folder) => {
      const link = files.readLink(`${folder}/${unit}`);
      return "value" in link && link.value === "/dev/null";
    }),
  );
  if (masked.length === 0) return [];
  const units = masked.join(" ");
  return [finding("unit-masked", units, { fix: `systemctl unmask ${units} && systemctl start ${UNITS.join(" ")}` })];
};
