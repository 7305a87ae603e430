/** Checks by the SELinux labels whether a service may execute our programs. */
import { textOf } from "@ocir-broker/node/node-files";
import { isSuccess } from "@ocir-broker/node/program-run";
import { BROKER_PROGRAM } from "@ocir-broker/protocol/contract";
import type { Check, CheckContext } from "../check-context.ts";
import { finding } from "../finding.ts";
import { pluginPath } from "./plugin.ts";

const PROGRAMS = [BROKER_PROGRAM, "/usr/local/libexec/ocir-broker-launch"];

/** The types of files copied from a home or temporary directory, and of files that no policy covers. */
const NOT_FOR_SERVICES = /tmp|home|^(?:unlabeled|default|var|etc|container_file)_t$/;

export const checkSelinux: Check = async (context) => {
  const { files } = context;
  const enforce = textOf(files.readText("/sys/fs/selinux/enforce"))?.trim();
  if (enforce === undefined) return finding("selinux-ok", "SELinux is off");
  const mode = enforce === "1" ? "enforcing" : "permissive";
  const labels = await Promise.all([await pluginPath(context), ...PROGRAMS].map((path) => labelOf(path, context)));
  const wrong = labels.find(({ label }) => NOT_FOR_SERVICES.test(typeIn(label)));
  if (wrong === undefined) return finding("selinux-ok", mode);
  const name = mode === "enforcing" ? "selinux-label" : "selinux-label-permissive";
  return finding(name, `${mode}; ${wrong.path} is labelled ${wrong.label}`);
};

/** A label is `user:role:type:level`. */
function typeIn(label: string): string {
  return label.split(":")[2] ?? "";
}

async function labelOf(path: string, { files, runProgram }: CheckContext): Promise<{ path: string; label: string }> {
  const result = await runProgram({ path: "stat", args: ["--dereference", "--format=%C", files.locate(path)] });
  const text = isSuccess(result) ? result.stdout.trim() : "";
  return { path, label: /^[\w:.,-]+$/.test(text) ? text : "" };
}
