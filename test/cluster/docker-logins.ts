/** Secrets of the type kubernetes.io/dockerconfigjson, whoever writes them. */
import type { V1Secret } from "@kubernetes/client-node";

/** By registry, as in Docker's configuration. */
type Logins = Readonly<Record<string, Readonly<Record<"username" | "password", string>>>>;

export function loginSecret(name: string, logins: Logins): object {
  return {
    metadata: { name },
    type: "kubernetes.io/dockerconfigjson",
    stringData: { ".dockerconfigjson": JSON.stringify({ auths: logins }) },
  };
}

/** None without a Secret. */
export function loginsIn(secret: V1Secret | undefined): Logins {
  const text = Buffer.from(secret?.data?.[".dockerconfigjson"] ?? "", "base64").toString();
  return text === "" ? {} : JSON.parse(text).auths;
}
