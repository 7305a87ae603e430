import { parseJwt } from "@ocir-broker/foundation/parse-jwt";
import * as z from "zod";
import { type NodeFiles, pathsIn, textOf } from "./node-files.ts";

const PODS = "/var/lib/kubelet/pods";

/** Not by the volume's links: the volume is open to all users, who could make links there. */
const TOKEN_FOLDER = /\/kube-api-access-[a-z0-9]+\/\.\.[0-9][\w.]*$/;

/** Safe in a log and in a command that is printed: a pod's author can mount any text under a token's name. */
const audience = z.string().regex(/^\w[\w.:/@+-]{0,252}$/);
const claims = z.object({ aud: z.union([audience, z.array(audience)]) });

/**
 * The API server's own audiences: those of the token that Kubernetes mounts in a pod by default. Reads one such token on this node, and
 * keeps nothing else of it. Empty if there is none.
 */
export function apiAudiencesOn(files: NodeFiles): readonly string[] {
  const inEach = (paths: readonly string[], below = "") => paths.flatMap((path) => pathsIn(`${path}${below}`, files));
  const volumes = inEach(pathsIn(PODS, files), "/volumes/kubernetes.io~projected");
  for (const folder of inEach(volumes).filter((path) => TOKEN_FOLDER.test(path))) {
    const { data } = claims.safeParse(parseJwt(textOf(files.readText(`${folder}/token`)) ?? "").claims);
    if (data !== undefined) return [data.aud].flat();
  }
  return [];
}
