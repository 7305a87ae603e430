/** The fuzzer's seeds: one valid input of each kind. */
import { createIdentityAuthority } from "@ocir-broker/testkit/instance-identity";

const YEAR_MS = 365 * 86_400_000;
const NOW_MS = 1_767_225_600_000;
const NOW_S = NOW_MS / 1_000;

const json = (value: unknown): string => JSON.stringify(value);

export async function createSeeds(): Promise<Readonly<Record<string, readonly string[]>>> {
  const identity = await (await createIdentityAuthority()).issue({
    tenancyId: "ocid1.tenancy.oc1..aaaa",
    notBeforeMs: NOW_MS - YEAR_MS,
    notAfterMs: NOW_MS + YEAR_MS,
  });
  const documents = [identity.certificatePem, identity.keyPem, identity.intermediatePem].join("\0");
  const claims = {
    iat: NOW_S,
    exp: NOW_S + 1_200,
    sub: "ocid1.instance.oc1.iad.a",
    jwk: json({ n: "AQAB", e: "AQAB" }),
  };
  const region = {
    regionIdentifier: "us-ashburn-1",
    regionKey: "IAD",
    realmKey: "oc1",
    realmDomainComponent: "oraclecloud.com",
  };
  const token = `e30.${Buffer.from(json(claims)).toString("base64url")}.c2ln`;
  return {
    "request-decoder": ["v1", "v1beta1", "v1alpha1"].map((version) =>
      json({
        kind: "CredentialProviderRequest",
        apiVersion: `credentialprovider.kubelet.k8s.io/${version}`,
        image: "iad.ocir.io/ns/app",
        serviceAccountToken: "e.e.s",
      }),
    ),
    "request-reader": [
      "GET /metrics?x=1 HTTP/1.0\r\nHost: a\r\n\r\n",
      "POST /v1/credentials HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
      "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET /a HTTP/1.1\r\nContent-Length: 1, 1\r\nContent-Length : +1\r\n x\r\n\r\nGET /a HTTP/1.1\r\n\r\n",
    ],
    "image-name": [
      "iad.ocir.io/ns/repo",
      "us-ashburn-1.ocir.io/ns/repo:tag",
      "ocir.eu-frankfurt-1.oci.oraclecloud.com/ns/a/b@sha256:0123456789abcdef0123456789abcdef",
      "ocir.us-gov-ashburn-1.oci.oraclegovcloud.com",
      "localhost:5000/a__b/c-d",
      "[::1]:5000/a",
    ],
    config: [
      "request:\n  deadline: 15s\nregistries:\n  prefetch: [iad.ocir.io]\n  extraHosts: []\nlog: {level: info}\n",
      "registries:\n  endpoints:\n    icn.ocir.io: http://127.0.0.1:18080\nproxy:\n  https: http://u:p@proxy:3128\n",
      "a: &x {b: 1}\nc: *x\n<<: *x\n? [1]\n: !!binary aGk=\n---\n%TAG ! !\n",
    ],
    "upstream-responses": [
      `0${json({ token, access_token: token, scope: "", expires_in: 3_600 })}`,
      `1${json(claims)}`,
      `2${json({ token })}`,
      `3${json(claims)}`,
      `4${json(region)}`,
      `5${documents}`,
    ],
  };
}
