/** Labels and keys that a Secret has besides `.dockerconfigjson`, for products that read other keys. They contain one registry's token. */
import type { RegistryCredentials } from "@ocir-broker/protocol/response";

export const FORMATS = ["ArgoCD", "CDI"] as const;
export type Format = (typeof FORMATS)[number];

export interface FormatFields {
  readonly labels: Readonly<Record<string, string>>;
  /** Values as text, or all in base64. */
  readonly data: Readonly<Record<string, string>>;
}

const FIELDS: Readonly<Record<Format, (host: string, credentials: RegistryCredentials) => FormatFields>> = {
  // Applies to all repositories whose URL has this prefix. Without the slash, it would match the host iad.ocir.io.example.com too.
  ArgoCD: (host, { username, password }) => ({
    labels: { "argocd.argoproj.io/secret-type": "repo-creds" },
    data: { url: `${host}/`, username, password },
  }),
  // The Containerized Data Importer of KubeVirt.
  CDI: (_host, { username, password }) => ({ labels: {}, data: { accessKeyId: username, secretKey: password } }),
};

export function fieldsOf(formats: readonly Format[], host: string, credentials: RegistryCredentials): FormatFields {
  const all = formats.map((format) => FIELDS[format](host, credentials));
  return {
    labels: Object.assign({}, ...all.map(({ labels }) => labels)),
    data: Object.assign({}, ...all.map(({ data }) => data)),
  };
}

/**
 * The formats with all of their fields, and whether other formats have some of theirs or wrong ones.
 *
 * @param found labels, and data in base64. Looked up only, because a tenant's may have 100 000 keys.
 */
export function formatsIn(
  found: FormatFields,
  host: string,
  credentials: RegistryCredentials,
): { readonly formats: readonly Format[]; readonly isWhole: boolean } {
  const matches = FORMATS.map((format) => {
    const { labels, data } = FIELDS[format](host, credentials);
    const pairs = [
      ...Object.entries(labels).map(([key, value]) => [found.labels[key], value]),
      ...Object.entries(data).map(([key, value]) => [found.data[key], toBase64(value)]),
    ];
    const isThere = pairs.every(([value, expected]) => value === expected);
    return { format, isThere, isWhole: isThere || pairs.every(([value]) => value === undefined) };
  });
  return {
    formats: matches.filter(({ isThere }) => isThere).map(({ format }) => format),
    isWhole: matches.every(({ isWhole }) => isWhole),
  };
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString("base64");
}
