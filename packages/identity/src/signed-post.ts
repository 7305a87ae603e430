/**
 * Signs a POST with its body as Oracle's TypeScript SDK does: the same signed headers, in the same order.
 *
 * Signed with node:crypto, because the SDK's public signer covers `x-date`, and the auth service is only known to accept
 * a signature over `date`. A test compares every byte with what oci-common's own federation client produces.
 */
import { hash, type KeyObject, sign } from "node:crypto";

export interface PostToSign {
  readonly url: URL;
  readonly contentType: string;
  readonly body: string;
  readonly keyId: string;
  readonly privateKey: KeyObject;
  /** The time of signing in epoch milliseconds. */
  readonly wallMs: number;
}

const SIGNED_HEADERS = ["date", "(request-target)", "host", "content-type", "content-length", "x-content-sha256"];

/**
 * Returns the headers to send.
 *
 * @throws {TypeError} if the key cannot make an RSA signature; its message may quote the key.
 */
export function signPost(post: PostToSign): Readonly<Record<string, string>> {
  const date = new Date(post.wallMs).toUTCString();
  const headers = {
    "content-length": String(Buffer.byteLength(post.body)),
    "content-type": post.contentType,
    date,
    host: post.url.host,
    "x-content-sha256": hash("sha256", post.body, "base64"),
    "x-date": date,
  };
  return { ...headers, authorization: authorizationOf(post, headers) };
}

function authorizationOf({ url, keyId, privateKey }: PostToSign, headers: Readonly<Record<string, string>>): string {
  const lines = SIGNED_HEADERS.map((name) =>
    name === "(request-target)" ? `${name}: post ${url.pathname}` : `${name}: ${headers[name]}`,
  );
  const signature = sign("sha256", Buffer.from(lines.join("\n")), privateKey).toString("base64");
  const fields = { version: "1", keyId, algorithm: "rsa-sha256", headers: SIGNED_HEADERS.join(" "), signature };
  return `Signature ${Object.entries(fields)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}`;
}
