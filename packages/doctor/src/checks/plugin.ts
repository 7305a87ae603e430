/** Checks that the plugin's program exists, is executable and of this release; plugin-response.ts checks its response. */
import { join } from "node:path";
import { PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import type { Check, CheckContext } from "../check-context.ts";
import { type Finding, finding } from "../finding.ts";

export const checkPlugin: Check = async (context) => {
  const { files, version, runProgram } = context;
  const path = await pluginPath(context);
  const error = pluginError(path, context);
  if (error !== undefined) return error;
  const result = await runProgram({ path: files.locate(path), args: ["--version"] });
  if ("failure" in result) return finding("plugin-not-executable", `${path}: ${result.failure}`);
  const told =
    "stdout" in result ? /^credential-provider-oke (\d[\w.+-]{0,40})\n$/.exec(result.stdout)?.[1] : undefined;
  if (told === undefined) return finding("plugin-foreign", `${path} --version does not print what ours does`);
  return finding(told === version ? "plugin-ok" : "plugin-version", `${path} is ${told}, this program ${version}`);
};

/** Why the program must not be run, judged by its file: doctor would run as root a program that another user can change. */
export function pluginError(path: string, { files }: CheckContext): Finding | undefined {
  const stats = files.stat(path);
  if ("failure" in stats) {
    return finding(stats.failure === "EACCES" ? "needs-root" : "plugin-missing", `${path}: ${stats.failure}`);
  }
  const distrusted = files.distrust(path);
  if (distrusted !== undefined) return finding("path-untrusted", `${path}: ${distrusted}`);
  return files.isExecutable(path)
    ? undefined
    : finding("plugin-not-executable", `${path}: mode ${(stats.value.mode & 0o7777).toString(8)}`);
}

/** The path that the kubelet uses or, without a kubelet, the installer's. */
export async function pluginPath({ kubelet }: CheckContext): Promise<string> {
  return join((await kubelet())?.binDir ?? "/usr/local/bin", PLUGIN_NAME);
}
