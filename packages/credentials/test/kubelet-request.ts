/** For tests: what the kubelet sends, and what it gets. */

/** The body of a request for an image, with further fields such as `serviceAccountToken`. */
export function requestFor(image: string, more: object = {}): Buffer {
  const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
  return Buffer.from(JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image, ...more }));
}

/** The token for a registry host. */
export function passwordIn({ body }: { readonly body?: Buffer }, registryHost: string): string {
  return JSON.parse(String(body)).auth[registryHost].password;
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}
