/** Checks the flags that the running kubelet got and, if they are missing, finds out where they were lost. */
import type { Kubelet } from "@ocir-broker/node/kubelet";
import { BIN_DIRECTORY_FLAG, CONFIG_FLAG, unitFileWithFlags } from "@ocir-broker/node/kubelet-unit";
import { pathsIn, textOf } from "@ocir-broker/node/node-files";
import type { Check, CheckContext } from "../../check-context.ts";
import { connectAdvice } from "../../connect-advice.ts";
import { DIAGNOSES } from "../../diagnoses.ts";
import { type Finding, finding } from "../../finding.ts";

/** These files may hold secrets: a finding only says whether a pattern occurs in them. */
const USER_DATA = ["/var/lib/cloud/instance/user-data.txt", "/var/lib/cloud/instance/user-data.txt.i"];
const USER_SCRIPTS = "/var/lib/cloud/instance/scripts";

const EXTRA_ARGS = DIAGNOSES["kubelet-extra-args-swallowed"].fix;

export const checkKubeletFlags: Check = async (context) => {
  const kubelet = await context.kubelet();
  if (kubelet?.pid === undefined) {
    const unit = unitFileWithFlags(context.files);
    const flags = unit === undefined ? "" : `; its flags as in ${unit}`;
    return [finding("kubelet-not-running", `kubelet.service has no process${flags}`)];
  }
  const { distrusted, program } = kubelet;
  const found = flagFindings(kubelet, context);
  return distrusted === undefined ? found : [...found, finding("path-untrusted", `${program}: ${distrusted}`)];
};

function flagFindings(kubelet: Kubelet, context: CheckContext): Finding[] {
  const { pid, configPath, binDirectory, minor } = kubelet;
  const process = `process ${pid}${minor === undefined ? "" : `, Kubernetes 1.${minor}`}`;
  if (configPath !== undefined && binDirectory !== undefined) {
    const found = [
      finding("kubelet-ok", `${process}: ${CONFIG_FLAG}=${configPath} ${BIN_DIRECTORY_FLAG}=${binDirectory}`),
    ];
    return minor === undefined ? [...found, finding("kubelet-version-unknown", process)] : found;
  }
  const fix = connectAdvice(context.files);
  if (configPath !== undefined || binDirectory !== undefined) {
    const missing = configPath === undefined ? CONFIG_FLAG : BIN_DIRECTORY_FLAG;
    return [finding("kubelet-flags-incomplete", `${process}: no ${missing}`, { fix })];
  }
  const unit = unitFileWithFlags(context.files);
  if (unit !== undefined) return [finding("kubelet-not-restarted", `${process} has no flags; ${unit} has them`)];
  const userData = [...USER_DATA, ...pathsIn(USER_SCRIPTS, context.files)];
  const script = userData.find((path) => textOf(context.files.readText(path))?.includes("--kubelet-extra-args="));
  if (script !== undefined) {
    const evidence = `${process} has no flags; ${script} has --kubelet-extra-args=`;
    // Every new node has the same error until the script is corrected.
    return [
      finding("kubelet-extra-args-swallowed", evidence, {
        fix: fix && `on this node: ${fix}. For new nodes: ${EXTRA_ARGS}`,
      }),
    ];
  }
  return [finding("kubelet-flags-missing", `${process}: neither flag`, { fix })];
}
