/** Reads a kubeconfig's cluster: the API server's URL and its certificate authority. Reads no user, and so no credential. */
import { dirname, resolve } from "node:path";
import { readRegularFile } from "@ocir-broker/foundation/regular-file";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { parse } from "yaml";
import * as z from "zod";

export interface KubeconfigCluster {
  readonly server?: string | undefined;
  /** PEM. */
  readonly caCertificates?: string | undefined;
}

const cluster = z.object({
  server: z.string(),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
});

/** The cluster of the current context. Empty if the file cannot be read, or is not a kubeconfig. */
export function readKubeconfig(path: string): KubeconfigCluster {
  const { data } = cluster.safeParse(currentCluster(readText(path) ?? ""));
  if (data === undefined) return {};
  const { server, "certificate-authority": file, "certificate-authority-data": encoded } = data;
  if (encoded !== undefined) return { server, caCertificates: Buffer.from(encoded, "base64").toString() };
  return { server, caCertificates: file === undefined ? undefined : readText(resolve(dirname(path), file)) };
}

const kubeconfig = z.object({
  "current-context": z.string(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.unknown() }) })),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })),
});

/** The cluster that the current context names, unchecked. Undefined if the file has no such entry. */
function currentCluster(text: string): unknown {
  const { data } = kubeconfig.safeParse(resultIfAny(() => parse(text)));
  const current = data?.contexts.find(({ name }) => name === data["current-context"])?.context.cluster;
  return data?.clusters.find(({ name }) => name === current)?.cluster;
}

/** Undefined if it cannot be read. */
export function readText(path: string): string | undefined {
  return resultIfAny(() => readRegularFile(path).toString());
}
