/** Controls the node's kubelet.service with systemctl. */
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { type FileChange, type KubeletFiles, type KubeletNeed, parseKubeletNeed } from "./kubelet-need.ts";

const run = promisify(execFile);
const ADVICE = "/usr/libexec/ocir-broker/kubelet-advice";
const RESTART_MS = 120_000;
const QUICK_MS = 60_000;

export type KubeletUnit = ReturnType<typeof createKubeletUnit>;
export type Restore = () => Promise<void>;

/** `needFile` is a path that only this program uses. */
export function createKubeletUnit(needFile: string) {
  return {
    /** Returns a function that restores the file. */
    async change({ file, text }: FileChange): Promise<Restore> {
      if (!existsSync(file)) {
        mkdirSync(dirname(file), { recursive: true });
        replace(file, text, 0o644);
        return async () => rmSync(file, { force: true });
      }
      const path = realpathSync(file);
      const [before, { mode }] = [readFileSync(path), statSync(path)];
      replace(path, text, mode);
      return async () => replace(path, before, mode);
    },
    async restart(): Promise<void> {
      await run("systemctl", ["daemon-reload"], { timeout: QUICK_MS });
      await run("systemctl", ["restart", "kubelet.service"], { timeout: RESTART_MS });
    },
    /** `nothing` if the running kubelet has read the files. */
    async need({ config, binDir }: KubeletFiles): Promise<KubeletNeed> {
      const env = { ...process.env, OCIR_BROKER_KUBELET_NEED: needFile };
      await run(ADVICE, [config, binDir], { timeout: QUICK_MS, env });
      return parseKubeletNeed(readFileSync(needFile, "utf8"));
    },
  };
}

/** In one step, so that a kubelet's start at any moment, also after a power failure, reads one of the two. */
function replace(path: string, content: string | Buffer, mode: number): void {
  writeFileSync(`${path}.ocir-broker-new`, content, { mode, flush: true });
  renameSync(`${path}.ocir-broker-new`, path);
}
