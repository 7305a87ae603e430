/** Reads a kubeconfig's cluster: the API server's URL and its certificate authority. Reads no user, and so no credential. */
import { dirname, resolve } from "node:path";
import { readRegularFile } from "@ocir-broker/foundation";
import { parse } from "yaml";
import * as z from "zod";

export interface KubeconfigCluster {
  readonly server?: string | undefined;
  /** PEM. */
  readonly caCertificates?: string | undefined;
}

const named = z.object({ name: z.string() });

const kubeconfig = z.object({
  "current-context": z.string().optional(),
  contexts: z.array(named.extend({ context: z.object({ cluster: z.string() }) })).default([]),
  clusters: z
    .array(
      named.extend({
        cluster: z.object({
          server: z.string(),
          "certificate-authority": z.string().optional(),
          "certificate-authority-data": z.string().optional(),
        }),
      }),
    )
    .min(1),
});

/** The cluster of the current context. Empty if the file cannot be read, or is none. */
export function readKubeconfig(path: string): KubeconfigCluster {
  const { data } = kubeconfig.safeParse(parsed(path));
  const current = data?.contexts.find(({ name }) => name === data["current-context"])?.context.cluster;
  const cluster = data?.clusters.find(({ name }) => name === current)?.cluster;
  if (cluster === undefined) return {};
  const { server, "certificate-authority": file, "certificate-authority-data": encoded } = cluster;
  if (encoded !== undefined) return { server, caCertificates: Buffer.from(encoded, "base64").toString("utf8") };
  return { server, caCertificates: file === undefined ? undefined : readText(resolve(dirname(path), file)) };
}

/** Undefined if it cannot be read. */
export function readText(path: string): string | undefined {
  try {
    return readRegularFile(path).toString();
  } catch {
    return undefined;
  }
}

function parsed(path: string): unknown {
  try {
    return parse(readText(path) ?? "");
  } catch {
    return undefined;
  }
}
