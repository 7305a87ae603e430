/** A seeded corpus of plugin outputs: valid responses, and the same with a few mutations. */
import { MATCH_IMAGES } from "@ocir-broker/protocol/contract";
import { createRandom, type Random } from "./random.ts";

const CREDENTIALS = { username: "BEARER_TOKEN", password: "secret" };
const ANONYMOUS = { username: "", password: "" };
const RESPONSE = {
  kind: "CredentialProviderResponse",
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  cacheKeyType: "Registry",
  cacheDuration: "0s",
  auth: { "iad.ocir.io": CREDENTIALS, "*.ocir.io": ANONYMOUS },
};

const TEMPLATES: readonly string[] = [
  JSON.stringify(RESPONSE),
  `${JSON.stringify(RESPONSE, null, 2)}\n`,
  JSON.stringify({ ...RESPONSE, cacheDuration: null, auth: null }),
  JSON.stringify({ ...RESPONSE, auth: Object.fromEntries(MATCH_IMAGES.map((key) => [key, ANONYMOUS])) }),
  JSON.stringify({
    ...RESPONSE,
    cacheDuration: "10m",
    auth: { "*.ocir.io": null, "iad.ocir.io/acme": { username: null } },
  }),
];

/** JSON values that can replace any other. */
const VALUES: readonly string[] = [
  ...'null true 0 -1 1.5 1e400 "" [] {} "x" "0s" "1d" "10" "-1s" "1h30m" ".5s" "1µs" "9223372036854775807ns"'.split(
    " ",
  ),
  ...'"9223372036854775808ns" "Image" "Global" "registry" "\\u0041" "\\ud800" "\\ud83d\\ude00" "\\x" {"a":null}'.split(
    " ",
  ),
  ...'{"username":"a"} {"password":"b"} {"username":1} {"Username":"a"} {"username":"a","username":"b"}'.split(" "),
  ...`{"email":"x"} nul NaN 'x' 01 +1 "\u007f" "\u2028" "é" undefined`.split(" "),
  ...['" 1s"', '"\t"', ""],
];

const PIECES: readonly string[] = [
  ...' \t\n\r\u0085\u00a0\ufeff\u0000{}[],:"\\/#x',
  ...["//x\n", "---\n", "{}", '"extra":1,', '"kind":"x",', '"auth":{},', '"Kind":"CredentialProviderResponse",'],
  ...['"metadata":{},', '"cacheduration":"1s",'],
];

/** The bytes of response `index` of the corpus with this seed. */
export function responseBytes(seed: number, index: number): Buffer {
  const random = createRandom(seed, index);
  let text = random.pick(TEMPLATES);
  for (let left = random.below(4); left > 0; left--) text = mutate(text, random);
  const bytes = Buffer.from(text);
  if (random.below(50) === 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

function mutate(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  if (random.below(4) === 0) return text.slice(0, at) + random.pick(PIECES) + text.slice(at);
  if (random.below(8) === 0) return text.slice(0, at) + text.slice(at + 1 + random.below(3));
  const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"|null|\{\}|(?<=\{)/g)];
  const value = random.pick(values);
  if (value[0] === "") return text.slice(0, value.index) + random.pick(PIECES) + text.slice(value.index);
  return text.slice(0, value.index) + random.pick(VALUES) + text.slice(value.index + value[0].length);
}
