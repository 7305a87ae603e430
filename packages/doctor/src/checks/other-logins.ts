/**
 * Finds logins that a pull uses beside ours. The kubelet tries those of its own files first. CRI-O uses one of root's files, or of
 * `global_auth_file`, in place of our anonymous entry, so a wrong one fails the pull of a public image.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { matchesImage } from "@ocir-broker/kubelet-config/matching/match";
import { pathsIn, textOf } from "@ocir-broker/node/node-files";
import { MATCH_IMAGES } from "@ocir-broker/protocol/contract";
import type { Check, CheckContext } from "../check-context.ts";
import { finding } from "../finding.ts";

const OF_KUBELET = "/var/lib/kubelet/config.json";
const OF_CRIO = ["/run/containers/0/auth.json", "/root/.config/containers/auth.json", "/root/.docker/config.json"];
const CRIO_CONFIG = "/etc/crio/crio.conf";

export const checkOtherLogins: Check = async (context) => {
  const { files, imageName } = context;
  const { runtime } = (await context.kubelet()) ?? {};
  const isMeant = (host: string): boolean =>
    imageName === undefined
      ? MATCH_IMAGES.some((pattern) => matchesImage(pattern, `${host}/any`))
      : host === imageName.registryHost;
  const paths = [OF_KUBELET, ...(runtime === "CRI-O" ? filesOfCriO(files) : [])];
  return paths.flatMap((path) =>
    [...new Set(hostsIn(textOf(files.readText(path))))]
      .filter(isMeant)
      .map((host) => finding("other-login", `${path}: ${host}`)),
  );
};

/** The hosts of a configuration of docker's form; none if it has another form. */
function hostsIn(text = ""): string[] {
  const { auths } = (parseJson(text) ?? {}) as { auths?: object };
  return Object.keys(auths ?? {}).map((key) => key.replace(/^https?:\/\//, "").replace(/\/.*/s, ""));
}

/** `global_auth_file` in place of root's files. Files that are read later have precedence, so only the last value counts. */
function filesOfCriO(files: CheckContext["files"]): readonly string[] {
  const values = [CRIO_CONFIG, ...pathsIn(`${CRIO_CONFIG}.d`, files)].flatMap((path) => [
    ...(textOf(files.readText(path)) ?? "").matchAll(/^\s*global_auth_file\s*=\s*["']([^"']*)["']/gm),
  ]);
  const path = values.at(-1)?.[1];
  return path ? [path] : OF_CRIO;
}
