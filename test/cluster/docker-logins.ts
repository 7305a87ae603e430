/** Secrets of the type kubernetes.io/dockerconfigjson, whoever writes them. */
import type { V1Secret } from "@kubernetes/client-node";

interface Login {
  readonly username: string;
  readonly password: string;
}

/** @param logins by registry, as in Docker's configuration */
export function loginSecret(name: string, logins: Readonly<Record<string, Login>>): object {
  return {
    metadata: { name },
    type: "kubernetes.io/dockerconfigjson",
    stringData: { ".dockerconfigjson": JSON.stringify({ auths: logins }) },
  };
}

/** By registry; none without a Secret. */
export function loginsIn(secret: V1Secret | undefined): Readonly<Record<string, Login>> {
  const text = Buffer.from(secret?.data?.[".dockerconfigjson"] ?? "", "base64").toString();
  return text === "" ? {} : JSON.parse(text).auths;
}
