/** Controls the node's kubelet.service with systemctl. */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { parseKubeletNeed } from "./kubelet-need.ts";
import type { KubeletUnit } from "./kubelet-restart.ts";

const run = promisify(execFile);
/** The same as in kubelet-advice. */
const DROP_IN = "/etc/systemd/system/kubelet.service.d/90-ocir-broker.conf";
const ADVICE = "/usr/libexec/ocir-broker/kubelet-advice";
const RESTART_MS = 120_000;
const QUICK_MS = 60_000;

/** `needFile` is a path that only this program uses. */
export function createKubeletUnit(needFile: string): KubeletUnit {
  return {
    async setDropIn(text) {
      if (text === undefined) {
        rmSync(DROP_IN, { force: true });
      } else {
        mkdirSync(dirname(DROP_IN), { recursive: true });
        writeFileSync(`${DROP_IN}.new`, text);
        renameSync(`${DROP_IN}.new`, DROP_IN);
      }
    },
    async restart() {
      await run("systemctl", ["daemon-reload"], { timeout: QUICK_MS });
      await run("systemctl", ["restart", "kubelet.service"], { timeout: RESTART_MS });
    },
    async need({ config, binDir }) {
      const env = { ...process.env, OCIR_BROKER_KUBELET_NEED: needFile };
      await run(ADVICE, [config, binDir], { timeout: QUICK_MS, env });
      return parseKubeletNeed(readFileSync(needFile, "utf8"));
    },
  };
}
