/**
 * Hundreds of thousands of names that look like Oracle's registries: a pull from each must get no token. An oracle that shares no
 * code with the rules decides what is a registry.
 */
import { Secret } from "@ocir-broker/foundation/secret";
import { REALM_DOMAINS } from "@ocir-broker/identity/realm-domains";
import { createHostRules } from "@ocir-broker/ocir/host-rules";
import { credentialProviderRequest } from "@ocir-broker/testkit/credential-provider-call";
import { expect, it } from "vitest";
import { createKubeletCredentials } from "../../../packages/credentials/src/pulls/kubelet-credentials.ts";
import { createRandom } from "../../kubelet-oracle/random.ts";
import { isLongRun } from "../long-run.ts";
import { isOcirHost } from "./host-oracle.ts";

const NAMES = isLongRun ? 1_500_000 : 150_000;
const SEED = 20_261_124;

const isAllowed = createHostRules({ realmDomains: REALM_DOMAINS, extraHosts: [] });

/** Real names to start from, in the forms of Oracle's documentation. */
const REAL = [
  "iad.ocir.io",
  "phx.ocir.io",
  "us-ashburn-1.ocir.io",
  "eu-frankfurt-1.ocir.io",
  "ocir.us-ashburn-1.oci.oraclecloud.com",
  "ocir.us-gov-phoenix-1.oci.oraclegovcloud.com",
  "ocir.uk-gov-london-1.oci.oraclegovcloud.uk",
  "ocir.eu-dcc-milan-1.oci.oraclecloud14.com",
];

/** Letters that look like others, or that a reader may drop, fold or split at. */
const DECEIVING = [
  ..."оаеісӏ。.．｡ſK0O1lI-_%@:/\\?#&;,~+*[]{}()<>'\"`|^=$! \t\n\r\0\u00ad\u200b\u200d\u202e\ufeffé",
  "%2e",
  "%00",
  "xn--",
  "..",
  ".ocir.io",
  "ocir.io.",
  "@ocir.io",
  ":443",
  ":5000",
  "#",
  "//",
];

const FOREIGN = [
  "evil.example",
  "attacker.io",
  "ocir.io.evil.example",
  "docker.io",
  "oraclecloud.com.evil.example",
  "169.254.169.254",
];

function createLookalikes(seed: number): () => string {
  const { below: chance, pick: oneOf } = createRandom(seed, 0);
  const letter = (): string => String.fromCharCode(97 + chance(26));
  const changes: readonly ((host: string) => string)[] = [
    (host) => `${host}.${oneOf(FOREIGN)}`,
    (host) => `${oneOf(FOREIGN)}.${host}`,
    (host) => `${oneOf(FOREIGN)}${oneOf(["-", "@", ":", "#", "?", "/", "%2f"])}${host}`,
    (host) => `${host}${oneOf(DECEIVING)}${oneOf(["", oneOf(FOREIGN)])}`,
    (host) => put(host, chance(host.length + 1), 0, oneOf(DECEIVING)),
    (host) => put(host, chance(host.length), 1, oneOf(DECEIVING)),
    (host) => put(host, chance(host.length), 1, letter()),
    (host) => put(host, chance(host.length), 1, ""),
    (host) => put(host, chance(host.length + 1), 0, letter()),
    (host) => oneOf(host.split(".").map((label) => host.replace(label, `${label}.${label}`))),
    (host) => oneOf(host.split(".").map((label) => host.replace(`${label}.`, ""))),
    (host) => host.split(".").reverse().join("."),
    (host) => host.replaceAll(".", oneOf(["-", "..", "。", "%2e", "_"])),
    (host) =>
      host.replace(
        "oraclecloud",
        oneOf(["oracle-cloud", "oraclecloud77", "0raclecloud", "oraclecl0ud", "oraclecloudd"]),
      ),
    (host) => host.replace("ocir", oneOf(["0cir", "ocír", "оcir", "ocir2", "oci", "OCIR", "ocirr"])),
    (host) => host.toUpperCase(),
    (host) => host.normalize("NFD"),
    (host) => host.padEnd(64 + chance(300), oneOf(["a", ".a", "-a"])),
    () => Array.from({ length: 3 + chance(12) }, () => oneOf([letter(), ".", "-", oneOf(DECEIVING)])).join(""),
  ];
  return () => {
    let host = oneOf(REAL);
    for (let left = 1 + chance(3); left > 0; left--) host = oneOf(changes)(host);
    return host;
  };
}

function put(text: string, at: number, cut: number, piece: string): string {
  return text.slice(0, at) + piece + text.slice(at + cut);
}

it(`no token for ${NAMES} look-alikes, and one for each real name among them`, async () => {
  const entry = { value: new Secret("TOKEN"), obtainedAtMs: 0, expiresAtMs: Number.POSITIVE_INFINITY };
  const asked: string[] = [];
  const decide = createKubeletCredentials({
    clock: { monotonicMs: () => 0, wallMs: () => 0, setTimer: () => ({ cancel: () => undefined }) },
    deadlineMs: 1_000,
    registries: { isAllowed, isExpected: () => true, endpointOf: (host) => new URL(`https://${host}`) },
    pullTokens: {
      get: async (host) => {
        asked.push(host);
        return { entry, outcome: "hit", identity: "node" };
      },
    },
    access: { ask: () => "working", heal: async () => "working" },
  });
  const next = createLookalikes(SEED);
  const counts = { tokens: 0, nothing: 0, refused: 0 };
  const leaks: string[] = [];
  const missed: string[] = [];

  for (let made = 0; made < NAMES; made++) {
    const image = `${next()}/acme/app`;
    asked.length = 0;
    const body = Buffer.from(credentialProviderRequest({ image }));
    const { body: response, image: read } = await decide(body);
    const { auth = {} } = JSON.parse(String(response ?? "{}")) as { auth?: Record<string, { password: string }> };
    const got = Object.entries(auth);
    const withToken = got
      .filter(([, { password }]) => password !== "")
      .map(([host]) => host.toLowerCase().replace(/:443$/, ""));
    const strangers = [...withToken, ...asked].filter((host) => !isOcirHost(host));
    if (strangers.length > 0) leaks.push(image);
    if (read !== undefined && isOcirHost(read.registryHost) !== withToken.includes(read.registryHost))
      missed.push(image);
    counts[response === undefined ? "refused" : withToken.length > 0 ? "tokens" : "nothing"] += 1;
  }

  console.log(`${NAMES} names, seed ${SEED}: ${JSON.stringify(counts)}, leaks: ${leaks.length}`);
  expect(leaks).toEqual([]);
  expect(missed).toEqual([]);
  expect(counts.tokens, "some changes lead from one real name to another").toBeGreaterThan(NAMES / 1_500);
  expect(counts.nothing).toBeGreaterThan(NAMES / 15);
});
