/**
 * Finds logins and credential helpers that a pull uses beside ours. The kubelet tries the logins of its own files first. CRI-O looks in
 * its own files if the kubelet passes no login, and it takes our anonymous entry for none: a wrong login there fails the pull of a
 * public image, and a right one stands in for a service account that has no rights.
 *
 * Sources: pkg/credentialprovider/config.go of Kubernetes; pkg/docker/config and pkg/sysregistriesv2 of containers/image.
 */
import { parseJson } from "@ocir-broker/foundation/parse-json";
import { matchesImage } from "@ocir-broker/kubelet-config/matching/match";
import { pathsIn, textOf } from "@ocir-broker/node/node-files";
import { DOCKER_CREDENTIAL_NAME, MATCH_IMAGES } from "@ocir-broker/protocol/contract";
import type { Check, CheckContext } from "../check-context.ts";
import { type Finding, finding } from "../finding.ts";

/** A service without HOME looks in `/`. */
const OF_KUBELET = ["/var/lib/kubelet/config.json", "/.docker/config.json", "/config.json"];
const OF_CRIO = ["/run/containers/0/auth.json", "/root/.config/containers/auth.json", "/root/.docker/config.json"];
const CRIO_CONFIG = "/etc/crio/crio.conf";
const REGISTRIES_CONFIG = "/etc/containers/registries.conf";
/** In place of it. */
const ROOTS_REGISTRIES_CONFIG = "/root/.config/containers/registries.conf";
/** Stands for OF_CRIO in a list of helpers. */
const FILES = "containers-auth.json";

type Files = CheckContext["files"];

export const checkOtherLogins: Check = async (context) => {
  const { files, imageName } = context;
  const { runtime } = (await context.kubelet()) ?? {};
  const isMeant = (host: string): boolean =>
    imageName === undefined
      ? MATCH_IMAGES.some((pattern) => matchesImage(pattern, `${host}/any`))
      : host === imageName.registryHost;
  const loginsIn = (path: string): Finding[] =>
    hostsOf(dockerConfig(path, files).auths ?? {})
      .filter(isMeant)
      .map((host) => finding("other-login", `${path}: ${host}`));
  const helpersIn = (path: string): Finding[] => {
    const ofHosts = Object.entries(dockerConfig(path, files).credHelpers ?? {}).filter(([host]) => isMeant(host));
    return ofHosts.map(([host, helper]) => helperFinding(`${path}: credHelpers, ${host}`, helper, context));
  };

  const ofKubelet = OF_KUBELET.flatMap(loginsIn);
  if (runtime !== "CRI-O") return ofKubelet;
  const ofFiles = filesOfCriO(files).flatMap((path) => [...loginsIn(path), ...helpersIn(path)]);
  return [...ofKubelet, ...ofFiles, ...helpersOfRegistries(context)];
};

/** An image can be pulled with our helper's token by an account without rights if the configuration lets the helper give the node's. */
function helperFinding(evidence: string, helper: unknown, { config }: CheckContext): Finding {
  const { tokenExchange, rootHelper } = config.serviceAccounts;
  const isOurs = `docker-credential-${helper}` === DOCKER_CREDENTIAL_NAME;
  const isOpen = isOurs && tokenExchange !== "none" && rootHelper === "node";
  return finding(isOpen ? "root-helper-open" : "other-helper", evidence);
}

interface DockerConfig {
  readonly auths?: object;
  readonly credHelpers?: object;
}

/** Empty if the file is not there or has another form. */
function dockerConfig(path: string, files: Files): DockerConfig {
  return (parseJson(textOf(files.readText(path)) ?? "") ?? {}) as DockerConfig;
}

function hostsOf(logins: object): string[] {
  return [...new Set(Object.keys(logins).map((key) => key.replace(/^https?:\/\//, "").replace(/\/.*/s, "")))];
}

/** `global_auth_file` in place of root's files. */
function filesOfCriO(files: Files): readonly string[] {
  const path = lastValue([CRIO_CONFIG], /^[ \t]*global_auth_file[ \t]*=[ \t]*["']([^"'\n]*)["']/gm, files);
  return path ? [path] : OF_CRIO;
}

/** Helpers that CRI-O asks for each host. */
function helpersOfRegistries(context: CheckContext): Finding[] {
  const paths = [REGISTRIES_CONFIG, ROOTS_REGISTRIES_CONFIG];
  const list = lastValue(paths, /^[ \t]*credential-helpers[ \t]*=[ \t]*\[([^\][]*)\]/gm, context.files);
  const helpers = [...(list ?? "").matchAll(/["']([^"']+)["']/g)].map(([, name]) => name);
  return helpers
    .filter((helper) => helper !== FILES)
    .map((helper) => helperFinding(`${paths.join(" or ")}: credential-helpers, ${helper}`, helper, context));
}

/** The value of a setting in files and in the files of their folders `.d`, of which later ones have precedence. */
function lastValue(paths: readonly string[], setting: RegExp, files: Files): string | undefined {
  const values = paths
    .flatMap((path) => [path, ...pathsIn(`${path}.d`, files)])
    .flatMap((each) => [...(textOf(files.readText(each)) ?? "").matchAll(setting)]);
  return values.at(-1)?.[1];
}
