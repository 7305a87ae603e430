/** Labels and keys that a Secret has besides `.dockerconfigjson`, for products that read other keys. They contain one registry's token. */
import type { RegistryCredentials } from "@ocir-broker/protocol/auth";

export const FORMATS = ["ArgoCD", "CDI"] as const;
export type Format = (typeof FORMATS)[number];

export interface FormatFields {
  readonly labels: Readonly<Record<string, string>>;
  /** Values as text. */
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

/** The formats with all of their fields, and whether other formats have some of theirs or wrong ones. */
export function formatsIn(
  fields: FormatFields,
  host: string,
  credentials: RegistryCredentials,
): { readonly formats: readonly Format[]; readonly isWhole: boolean } {
  const matches = FORMATS.map((format) => {
    const { labels, data } = FIELDS[format](host, credentials);
    const expected = [...Object.entries(labels), ...Object.entries(data)];
    const found = { ...fields.labels, ...fields.data };
    const isThere = expected.every(([key, value]) => found[key] === value);
    return { format, isThere, isWhole: isThere || expected.every(([key]) => found[key] === undefined) };
  });
  return {
    formats: matches.filter(({ isThere }) => isThere).map(({ format }) => format),
    isWhole: matches.every(({ isWhole }) => isWhole),
  };
}
