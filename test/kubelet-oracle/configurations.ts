/**
 * A seeded corpus of CredentialProviderConfig files: valid ones in every style, and mutations that YAML readers are known to
 * treat differently. The same number always gives the same bytes.
 */
import { parse } from "yaml";
import { EXAMPLES } from "../../packages/kubelet-config/test/examples.ts";
import { createRandom, type Random } from "./random.ts";

const PROVIDER = `matchImages: ["*.gcr.io"]
  defaultCacheDuration: 10m
  apiVersion: credentialprovider.kubelet.k8s.io/v1`;

const OURS = `name: credential-provider-oke
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages:
  - "*.ocir.io"
  - "ocir.*.oci.*.*"
  defaultCacheDuration: 0s`;

const HEAD = "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders:\n";

const WITH_ENV = `${HEAD}- name: gcr\n  ${PROVIDER}\n- ${OURS}\n  env: [{name: A, value: ""}]\n`;
const TEMPLATES: readonly string[] = [
  `${HEAD}- name: gcr\n  ${PROVIDER}\n- ${OURS}\n`,
  `# Managed.\n---\n${HEAD}# ours\n- ${OURS} # last\n# theirs\n- name: gcr\n  ${PROVIDER}\n  args:\n  - a b # c\n...\n`,
  `${HEAD}- name: gcr\n  ${PROVIDER}\n  env:\n  - {name: A, value: }\n  - {name: "", value: 'x'}\n- ${OURS}\n  env: [{name: A, value: }]\n`,
  `${HEAD}- # first\n  name: gcr\n  ${PROVIDER}\n  args: [a, "b\\tc", 'd''e', -f, --g=h]\n-   name: other\n    matchImages: ["*.gcr.io"]\n    defaultCacheDuration: 10m\n    apiVersion: credentialprovider.kubelet.k8s.io/v1\n- ${OURS}\n`,
  `${HEAD}  - name: "gcr"\n    matchImages:\n      - 'gcr.io' # one\n\n      - a.b.c:5000/d\n    defaultCacheDuration: "1h30m"\n    apiVersion: credentialprovider.kubelet.k8s.io/v1beta1\n    env:\n      - name: A\n        value: "x y"\n`,
  `---\nkind: CredentialProviderConfig\nproviders: [{name: gcr, matchImages: [gcr.io], defaultCacheDuration: 0s, apiVersion: credentialprovider.kubelet.k8s.io/v1}, # c\n  {"name": "credential-provider-oke", "matchImages": ["*.ocir.io"], defaultCacheDuration: 0s, apiVersion: credentialprovider.kubelet.k8s.io/v1,},]\napiVersion: kubelet.config.k8s.io/v1\n`,
  `${HEAD}- name: gcr\n  ${PROVIDER}\n  tokenAttributes:\n    serviceAccountTokenAudience: a\n    requireServiceAccount: true\n    cacheType: Token\n    requiredServiceAccountAnnotationKeys: [a/b]\n- ${OURS}\n`,
  // Outside the subset that is read.
  `${HEAD}- &a\n  name: gcr\n  ${PROVIDER}\n- <<: *a\n  args:\n  - |+\n    text\n\n  name: other\n- ${OURS}\n`,
  ...[2, undefined].map((indent) => `${JSON.stringify(parse(WITH_ENV), null, indent)}\n`),
  ...EXAMPLES.map(({ text }) => withProgramsOf(text)),
];

/** The oracle has four programs. */
function withProgramsOf(text: string): string {
  return text.replace(/(?<=name"?: "?)(?:ecr|acr)[\w-]+/, "gcr");
}

/** Characters, and texts, that readers treat differently. */
const CHARACTERS = "\t \r\u0085\u2028\u2029\u00a0\u0000\u0007\u001b\u007f\u0080\ufeff\ufffd\uffffé-?:,[]{}'\"`@%&*!|>#";
const TEXTS =
  "\u{1f600} - - ? : [] {} '' \"\" {name} {name:} *a &a !!str !!binary <<: << = \\ \\u0041 \\ud800 \\ud83d\\ude00 \\U0001F600 " +
  "\\U00110000 \\x41 \\/ \\e \\N \\q --- ... #c |- >1- ~ null Null nULL yes no y n on true True tRUE TRUE 1 0 -1 +1 1. .5 1e3 " +
  "0x1f 0b1 0o7 07 08 1_000 _1 1:30 .inf -.INF .nan 2001-01-01 1e400 0x -- +";
/** Texts that a rule of the kubelet covers. */
const VALUES =
  "9223372036854775807ns 9223372036854775808ns -0s +5s 1.5h .5s 1d 1us 1µs 1μs -1s 1h-1m 2562047h47m16.854775807s " +
  "2562047h47m16.854775808s Name NAME name value iad.ocir.io:* i[a-z]d.ocir.io [::1] ::1 %zz https://x x?y x#y a@b user:pw@x " +
  "a:b a: a:99999 \\* ^ a..b /x -a . ..";
/** Texts with white space, separated by `~`. */
const LINES =
  "  ~\n~\r\n~\n\t\n~\n \t\n~ \t~\t# c\n~# c~ # c~# \u2028x\n~ :~- | # c\n~|\n    a\n~\\\n~{name: A, value: }~{name: , value: }~" +
  "{a, b}~[a: b]~a b~!!null x~! ~%YAML 1.1\n---\n~%FOO bar\n---\n~---\n~--- ~...\n~\n---\nother: 1\n~\n...\n~<<: *a\n~name: ~" +
  "extra: 1~env: ~args: ~providers: ~Providers: ~kind: ~apiVersion: ~tokenAttributes: ~cacheType: ";
const FRAGMENTS: readonly string[] = [...CHARACTERS, ...TEXTS.split(" "), ...VALUES.split(" "), ...LINES.split("~")];

const ENDINGS: readonly string[] = ["\r\n", "\r", "\u0085", "\u2028", "\n\n"];

/** The bytes of file `index` of the corpus with this seed. */
export function configurationBytes(seed: number, index: number): Buffer {
  const random = createRandom(seed, index);
  const text = configurationText(random);
  const kind = random.below(60);
  if (kind === 0) return Buffer.from(`\ufeff${text}`, "utf16le");
  if (kind === 1) return Buffer.from(`\ufeff${text}`, "utf16le").swap16();
  if (kind === 2) return Buffer.from(`\ufeff${text}`);
  const bytes = Buffer.from(text);
  if (kind === 3 && bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

/** A configuration as text, with up to four mutations. */
function configurationText(random: Random): string {
  let text = random.pick(TEMPLATES);
  for (let left = random.below(5); left > 0; left--) text = mutate(text, random);
  return text;
}

function mutate(text: string, random: Random): string {
  const at = random.below(2) === 0 ? boundary(text, random) : random.below(text.length + 1);
  const lines = text.split("\n");
  const line = random.below(lines.length);
  const insert = (piece: string) => text.slice(0, at) + piece + text.slice(at);
  const insertOne = () => insert(random.pick(FRAGMENTS));
  const replaceOne = () => replaceValue(text, random);
  return random.pick([
    () => text.slice(0, at) + text.slice(at + 1 + random.below(4)),
    () => lines.toSpliced(line, 0, String(lines[line])).join("\n"),
    () => lines.toSpliced(line, 1).join("\n"),
    () => lines.with(line, ` ${lines[line]}`).join("\n"),
    () => (random.below(3) === 0 ? text.replaceAll("\n", random.pick(ENDINGS)) : text.slice(0, at)),
    ...[replaceOne, replaceOne],
    () => insert([1, 2, 3].map(() => random.pick(FRAGMENTS)).join("")),
    ...[insertOne, insertOne],
  ])();
}

/** Replaces a whole word, so that the result is well formed more often. */
function replaceValue(text: string, random: Random): string {
  const words = [...text.matchAll(/[\w./*-]+/g)];
  const word = words[random.below(words.length)];
  if (word === undefined) return text;
  return text.slice(0, word.index) + random.pick(FRAGMENTS) + text.slice(word.index + word[0].length);
}

function boundary(text: string, random: Random): number {
  const boundaries = [...text.matchAll(/(?<=[\s:,[\]{}'"-])|$/g)];
  return Number(boundaries[random.below(boundaries.length)]?.index);
}
