/** Checks the flags that the running kubelet got and, if they are missing, finds out where they were lost. */

import type { Kubelet } from "@ocir-broker/node/kubelet";
import { kubeletNeed, readKubeletUse } from "@ocir-broker/node/kubelet-need";
import {
  BIN_DIRECTORY_FLAG,
  CONFIG_FLAG,
  readKubeletUnit,
  unitFileWithFlags,
  unitFlags,
} from "@ocir-broker/node/kubelet-unit";
import { pathsIn, textOf } from "@ocir-broker/node/node-files";
import type { CheckContext } from "../../check-context.ts";
import { connectAdvice } from "../../connect-advice.ts";
import { DIAGNOSES } from "../../diagnoses.ts";
import { type Finding, finding, notChecked } from "../../finding.ts";

/** These files may hold secrets: a finding only says whether a pattern occurs in them. */
const USER_DATA = ["/var/lib/cloud/instance/user-data.txt", "/var/lib/cloud/instance/user-data.txt.i"];
const USER_SCRIPTS = "/var/lib/cloud/instance/scripts";

/** Units of OKE's images that bootstrap the node without its user data. */
const BOOTSTRAP_UNITS = ["oke.service", "oke-init.service"];
const UNIT_FOLDERS = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

const EXTRA_ARGS = DIAGNOSES["kubelet-extra-args-swallowed"].fix;
export const UNIT_FLAGS =
  "correct the flags of the kubelet's unit, which systemctl cat kubelet shows, before it starts again";

export async function checkKubeletFlags(context: CheckContext): Promise<readonly Finding[]> {
  const kubelet = await context.kubelet();
  if (kubelet?.pid === undefined) {
    const place = unitFileWithFlags(context.files);
    const flags = place === undefined ? "" : `; its flags as in ${place}`;
    const bootstrap = bootstrapUnit(context);
    const log = bootstrap && `; ${bootstrap} bootstraps this node: journalctl -u ${bootstrap}`;
    const evidence = `kubelet.service has no process${flags}`;
    return [finding("kubelet-not-running", `${evidence}${log ?? ""}`)];
  }
  return flagFindings(kubelet, context);
}

/** For a check of the credential provider configuration, whose path is unknown. */
export async function notCheckedByFlags(what: string, context: CheckContext): Promise<Finding> {
  const [flags] = await checkKubeletFlags(context);
  return notChecked(what, String(flags?.name), "it needs the file's path from the kubelet's flags");
}

async function flagFindings(kubelet: Kubelet, context: CheckContext): Promise<Finding[]> {
  const { pid, minor, runtime } = kubelet;
  const version = minor === undefined ? "" : `, Kubernetes 1.${minor}`;
  const process = `process ${pid}${version}${runtime === undefined ? "" : `, ${runtime}`}`;
  const fix = connectAdvice(context.files);
  if (kubelet.config !== undefined && kubelet.binDir !== undefined) {
    const paths = { config: kubelet.config, binDir: kubelet.binDir };
    const flags = `${CONFIG_FLAG}=${paths.config} ${BIN_DIRECTORY_FLAG}=${paths.binDir}`;
    const use = await readKubeletUse(paths, context.files, context.runProgram);
    // The findings about the configuration name what it lacks.
    const isOutdated = use.process?.hasRead === false && use.lack === undefined;
    const outdated = `${process} is older than ${paths.config} (its content, mode or owner)`;
    return [
      isOutdated
        ? finding("kubelet-not-restarted", outdated, use.unitHas === "these" ? undefined : (fix ?? UNIT_FLAGS))
        : finding("kubelet-ok", `${process}: ${flags}`),
    ];
  }
  const place = unitFileWithFlags(context.files);
  const { config, binDir } = unitFlags(readKubeletUnit(context.files));
  if (place !== undefined && config !== undefined && binDir !== undefined) {
    const use = await readKubeletUse({ config, binDir }, context.files, context.runProgram);
    // Otherwise it would not start again, or still without them.
    const isReady = kubeletNeed(use).kind === "restart";
    const evidence = `${process} has no flags; ${place} has them`;
    return [finding("kubelet-not-restarted", evidence, isReady ? undefined : (fix ?? UNIT_FLAGS))];
  }
  const userData = [...USER_DATA, ...pathsIn(USER_SCRIPTS, context.files)];
  const script = userData.find((path) => textOf(context.files.readText(path))?.includes("--kubelet-extra-args="));
  if (script !== undefined) {
    const evidence = `${process} has no flags; ${script} has --kubelet-extra-args=`;
    // Every new node has the same error until the script is corrected.
    const forAll = fix && `on this node: ${fix}. For new nodes: ${EXTRA_ARGS}`;
    return [finding("kubelet-extra-args-swallowed", evidence, forAll)];
  }
  const unit = bootstrapUnit(context);
  if (unit === undefined) return [finding("kubelet-flags-missing", `${process}: neither flag`, fix)];
  const forNew = `use the node script, which adds the flags after ${unit} has bootstrapped the node`;
  const evidence = `${process}: neither flag; ${unit} bootstraps this node, without its user data`;
  const forAll = fix === undefined ? forNew : `on this node: ${fix}. For new nodes: ${forNew}`;
  return [finding("kubelet-flags-missing", evidence, forAll)];
}

function bootstrapUnit({ files }: CheckContext): string | undefined {
  return BOOTSTRAP_UNITS.find((unit) => UNIT_FOLDERS.some((folder) => "value" in files.stat(`${folder}/${unit}`)));
}
