import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bearerAuth, type RegistryCredentials } from "./auth.ts";

/** One label against one pattern, as Go's path.Match: `*`, `?` and classes. */
function labelMatches(pattern: string, label: string): boolean {
  const source = pattern.replace(/\[[^\]]*\]|[\s\S]/g, (piece) => {
    if (piece === "*") return ".*";
    if (piece === "?") return ".";
    return piece.length > 1 ? piece : piece.replace(/[\\^$.|+(){}[\]]/, "\\$&");
  });
  return new RegExp(`^${source}$`, "s").test(label);
}

function splitHost(text: string): { labels: string[]; port: string; path: string } {
  const slash = `${text}/`.indexOf("/");
  const authority = text.slice(0, slash);
  const withPort = /^(?:\[([^\]]*)\]|([^:]*)):(.*)$/.exec(authority);
  const host = withPort ? (withPort[1] ?? withPort[2] ?? "") : authority;
  return { labels: host.split("."), port: withPort?.[3] ?? "", path: text.slice(slash) };
}

/** The pairs that the kubelet tries for an image, in order: the matching keys, sorted backwards by their bytes. */
function kubeletCredentials(
  auth: Record<string, RegistryCredentials>,
  image: string,
): (RegistryCredentials | undefined)[] {
  const target = splitHost(image);
  return Object.keys(auth)
    .sort((a, b) => Buffer.compare(Buffer.from(b), Buffer.from(a)))
    .filter((key) => {
      const glob = splitHost(key);
      return (
        glob.port === target.port &&
        glob.labels.length === target.labels.length &&
        target.path.startsWith(glob.path) &&
        glob.labels.every((pattern, at) => labelMatches(pattern, target.labels[at] ?? ""))
      );
    })
    .map((key) => auth[key]);
}

const bearer = { username: "BEARER_TOKEN", password: "the-token" };
const anonymous = { username: "", password: "" };

const region = fc.stringMatching(/^[a-z]{2}(-[a-z]{2,12}){1,2}-[1-9]$/);
const label = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?$/);
const port = fc.option(fc.integer({ min: 1, max: 65_535 }), { nil: undefined });
const registryHost = fc.oneof(
  fc.stringMatching(/^[a-z]{3}$/).map((key) => `${key}.ocir.io`),
  region.map((id) => `${id}.ocir.io`),
  fc.tuple(region, label, label).map(([id, a, b]) => `ocir.${id}.oci.${a}.${b}`),
  fc
    .tuple(fc.array(label, { minLength: 1, maxLength: 6 }), port)
    .map(([labels, number]) => (number === undefined ? labels.join(".") : `${labels.join(".")}:${number}`)),
  fc.tuple(fc.ipV4(), port).map(([address, number]) => (number === undefined ? address : `${address}:${number}`)),
);

describe("bearerAuth", () => {
  test.each([
    ["iad.ocir.io", "*.ocir.io"],
    ["us-ashburn-1.ocir.io", "*.ocir.io"],
    ["ocir.eu-frankfurt-1.oci.oraclecloud.com", "*.eu-frankfurt-1.oci.oraclecloud.com"],
    ["registry.example.com:5000", "*.example.com:5000"],
    ["127.0.0.1:18080", "*.0.0.1:18080"],
    ["localhost:5000", "*:5000"],
    ["localhost", "*"],
    ["IAD.ocir.io", "*.ocir.io"],
  ])("gives %s the token and %s nothing", (host, wildcard) => {
    expect(bearerAuth(host, "the-token")).toStrictEqual({ [host]: bearer, [wildcard]: anonymous });
  });

  test.each([
    ["IPv6, which the kubelet's matching cannot express", "[::1]:5000"],
    ["a wildcard", "*.ocir.io"],
    ["a character class", "[ab].ocir.io"],
    ["a question mark", "i?d.ocir.io"],
    ["a path", "iad.ocir.io/acme"],
    ["a scheme", "https://iad.ocir.io"],
    ["user info", "user@iad.ocir.io"],
    ["an empty label", "iad..ocir.io"],
    ["a trailing dot", "iad.ocir.io."],
    ["an empty port", "iad.ocir.io:"],
    ["nothing", ""],
    ["a line break", "iad.ocir.io\n"],
    ["letters beyond ASCII", "ïad.ocir.io"],
  ])("refuses %s", (_name, host) => {
    expect(() => bearerAuth(host, "the-token")).toThrow(
      expect.objectContaining({ name: "ProtocolError", code: "registry-host-invalid", retryable: false }),
    );
  });

  test("makes the kubelet try the token first and anonymously second, on every host", () => {
    fc.assert(
      fc.property(registryHost, (host) => {
        const tried = kubeletCredentials(bearerAuth(host, "the-token"), `${host}/namespace/repository`);
        expect(tried).toStrictEqual([bearer, anonymous]);
      }),
    );
  });

  test("offers nothing to an image of another registry with another port or number of labels", () => {
    const auth = bearerAuth("iad.ocir.io", "the-token");
    expect(kubeletCredentials(auth, "iad.ocir.io:443/a/b")).toStrictEqual([]);
    expect(kubeletCredentials(auth, "a.iad.ocir.io/a/b")).toStrictEqual([]);
    expect(kubeletCredentials(auth, "fra.ocir.io/a/b")).toStrictEqual([anonymous]);
  });
});
