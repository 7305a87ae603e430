import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KubeletConfigError } from "../kubelet-config-error.ts";
import type { ConfigFile } from "../reading/decode.ts";
import { type FindingCode, RULES } from "../rules.ts";
import { type CheckOptions, checkCredentialProviderConfig, readProviders } from "./check.ts";

const OLDEST = 26;
const NEWEST = 37;
const ALL = "26-37";

const ours: Readonly<Record<string, unknown>> = {
  name: "credential-provider-oke",
  apiVersion: "credentialprovider.kubelet.k8s.io/v1",
  matchImages: ["*.ocir.io", "ocir.*.oci.*.*"],
  defaultCacheDuration: "0s",
};
const other = { ...ours, name: "other", matchImages: ["*.gcr.io"] };
const sa = { ...ours, name: "credential-provider-oke-sa" };
const tokens: Readonly<Record<string, unknown>> = {
  serviceAccountTokenAudience: "oci",
  requireServiceAccount: true,
};

function config(providers: unknown, more: object = {}): string {
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1",
    kind: "CredentialProviderConfig",
    ...more,
    providers,
  });
}

/** Our credential provider with these fields added or replaced. */
function withOurs(fields: object): string {
  return config([{ ...ours, ...fields }]);
}

function check(text: string, kubeletMinor: number, more: Partial<CheckOptions> = {}) {
  const options = { kubeletMinor, hasExecutable: (name: string) => name !== "absent", ...more };
  return checkCredentialProviderConfig([{ path: "config", text }], options);
}

/** The minors in which the code is found at the path with this severity, such as `26-31`; empty if there are none. */
function minorsOf(text: string, code: FindingCode, path: string, severity: string): string {
  const minors: number[] = [];
  for (let minor = OLDEST; minor <= NEWEST; minor++) {
    const found = check(text, minor).filter((finding) => finding.code === code && finding.path === path);
    if (found.some((finding) => finding.severity === severity)) minors.push(minor);
  }
  return minors.length === 0 ? "" : `${Math.min(...minors)}-${Math.max(...minors)}`;
}

type Row = readonly [code: FindingCode, what: string, text: string, path: string, fatal: string, warning: string];

const tokensFor = (minor: 33 | 34, fields: object = {}) =>
  withOurs({ tokenAttributes: { ...tokens, ...(minor === 34 ? { cacheType: "Token" } : {}), ...fields } });
const image = (entry: unknown) => withOurs({ matchImages: ["*.ocir.io", "ocir.*.oci.*.*", entry] });
const duration = (value: unknown) => withOurs({ defaultCacheDuration: value });
const NAME = "providers[0].name";
const MATCH_IMAGES = "providers[0].matchImages";
const ENTRY = `${MATCH_IMAGES}[2]`;
const DURATION = "providers[0].defaultCacheDuration";
const TOKENS = "providers[0].tokenAttributes";
const REQUIRED = `${TOKENS}.requiredServiceAccountAnnotationKeys`;
const OPTIONAL = `${TOKENS}.optionalServiceAccountAnnotationKeys`;
const REQUIRE = `${TOKENS}.requireServiceAccount`;
const V1BETA1 = "kubelet.config.k8s.io/v1beta1";
const V1ALPHA1 = "kubelet.config.k8s.io/v1alpha1";
const PROVIDER_V1ALPHA1 = "credentialprovider.kubelet.k8s.io/v1alpha1";
const PROVIDER_V1BETA1 = "credentialprovider.kubelet.k8s.io/v1beta1";
const requiring = (keys: string[], more: object = {}) =>
  tokensFor(34, { requiredServiceAccountAnnotationKeys: keys, ...more });
const ofBoth = (node: string, account: string) =>
  config([
    { ...ours, matchImages: [node] },
    { ...sa, matchImages: [account] },
  ]);
const saWithTokens = config([{ ...sa, tokenAttributes: tokens }]);
const knowing = (...keys: string[]) => tokensFor(34, { optionalServiceAccountAnnotationKeys: keys });

/** Rows about one place that the same minors refuse or warn of. */
const at = (path: string, fatal: string, warning: string, rows: readonly (readonly [FindingCode, string, string])[]) =>
  rows.map((row): Row => [...row, path, fatal, warning]);

/** Rows of one code that the same minors refuse or warn of. */
const of = (code: FindingCode, fatal: string, warning: string, rows: readonly (readonly [string, string, string])[]) =>
  rows.map(([path, what, text]): Row => [code, what, text, path, fatal, warning]);

const ROWS: readonly Row[] = [
  ...at("kind", ALL, "", [
    ["kind-invalid", "an empty file", ""],
    ["kind-invalid", "only comments", "# nothing\n"],
    ["kind-invalid", "another kind", config([ours], { kind: "KubeletConfiguration" })],
    ["kind-invalid", "a number", config([ours], { kind: 1 })],
  ]),
  ...at("apiVersion", ALL, "", [
    ["api-version-invalid", "another group", config([ours], { apiVersion: "v1" })],
    ["api-version-invalid", "an unknown version", config([ours], { apiVersion: "kubelet.config.k8s.io/v2" })],
  ]),
  ...at("providers", ALL, "", [
    ["providers-missing", "no providers", config(undefined)],
    ["providers-missing", "null", config(null)],
    ["providers-missing", "an empty list", config([])],
  ]),
  ...of("field-type-invalid", ALL, "", [
    ["providers", "providers that are a map", config({})],
    ["providers[1]", "a provider that is a text", config([ours, "x"])],
    [NAME, "a name that is a number", withOurs({ name: 1 })],
    [MATCH_IMAGES, "matchImages that are a text", withOurs({ matchImages: "*.ocir.io" })],
    [MATCH_IMAGES, "matchImages of another that are a text", config([{ ...other, matchImages: "a" }, ours])],
    ["providers[1].matchImages", "our matchImages that are a text", config([other, { ...ours, matchImages: "a" }])],
    [ENTRY, "an entry that is a boolean", image(true)],
    [DURATION, "a duration that is a number", duration(0)],
    ["providers[0].apiVersion", "an apiVersion that is a list", withOurs({ apiVersion: [] })],
    ["providers[0].args[1]", "an argument that is a number", withOurs({ args: ["a", 1] })],
    ["providers[0].env", "env as a map", withOurs({ env: { A: "1" } })],
    [MATCH_IMAGES, "matchImages of our second entry that are a text", config([{ ...sa, matchImages: "a" }])],
    [`${MATCH_IMAGES}[0]`, "an image of our second entry that is a number", config([{ ...sa, matchImages: [1] }])],
    ["providers[0].env[0].value", "an env value that is a number", withOurs({ env: [{ name: "A", value: 1 }] })],
  ]),
  ...of("field-type-invalid", "33-37", "", [
    [TOKENS, "tokenAttributes that are a text", withOurs({ tokenAttributes: "x" })],
    [REQUIRED, "annotation keys that are a text", tokensFor(34, { requiredServiceAccountAnnotationKeys: "a" })],
    [OPTIONAL, "optional keys that are a text", tokensFor(34, { optionalServiceAccountAnnotationKeys: "a" })],
    [
      `${REQUIRED}[0]`,
      "an annotation key that is a number",
      tokensFor(34, { requiredServiceAccountAnnotationKeys: [1] }),
    ],
    [REQUIRE, "requireServiceAccount in quotes", tokensFor(34, { requireServiceAccount: "true" })],
  ]),
  ...at(NAME, ALL, "", [
    ["provider-name-invalid", "none", withOurs({ name: undefined })],
    ["provider-name-invalid", "an empty provider", config([null])],
    ["provider-name-invalid", "a path", withOurs({ name: "bin/oke" })],
    ["provider-name-invalid", "a space", withOurs({ name: "a b" })],
    ["provider-name-invalid", "a dot", withOurs({ name: "." })],
    ["provider-name-invalid", "two dots", withOurs({ name: ".." })],
    ["provider-executable-missing", "no program", withOurs({ name: "absent" })],
  ]),
  ["provider-name-duplicate", "the same name twice", config([ours, ours]), "providers[1].name", ALL, ""],
  ...at("providers[0].apiVersion", ALL, "", [
    ["provider-api-version-invalid", "none", withOurs({ apiVersion: undefined })],
    ["provider-api-version-invalid", "only the version", withOurs({ apiVersion: "v1" })],
  ]),
  ...at(MATCH_IMAGES, ALL, "", [
    ["match-images-missing", "none", withOurs({ matchImages: undefined })],
    ["match-images-missing", "an empty list", withOurs({ matchImages: [] })],
  ]),
  ...at(ENTRY, ALL, "", [
    ["match-image-invalid", "a glob in the port", image("iad.ocir.io:*")],
    ["match-image-invalid", "a space", image("iad ocir.io")],
  ]),
  ...at(ENTRY, "34-37", "26-33", [
    ["match-image-brackets", "a character class", image("i[a-z]d.ocir.io")],
    ["match-image-brackets", "IPv6 without brackets", image("::1")],
  ]),
  ...at(DURATION, ALL, "", [
    ["cache-duration-missing", "none", duration(undefined)],
    ["cache-duration-missing", "null", duration(null)],
    ["cache-duration-invalid", "no unit", duration("10")],
    ["cache-duration-negative", "a minus", duration("-1s")],
  ]),
  ...of("field-unknown", "32-37", "26-31", [
    ["extra", "a field of the file", config([ours], { extra: 1 })],
    ["providers[0].timeout", "a field of a provider", withOurs({ timeout: "1s" })],
    ['providers[0]."a b\\n"', "a field with a strange name", withOurs({ "a b\n": 1 })],
    ["providers[0].env[0].valueFrom", "a field of env", withOurs({ env: [{ name: "A", valueFrom: "x" }] })],
    [TOKENS, "tokenAttributes in v1beta1", config([{ ...ours, tokenAttributes: tokens }], { apiVersion: V1BETA1 })],
  ]),
  ["field-unknown", "tokenAttributes before they exist", tokensFor(33), TOKENS, "32-32", "26-31"],
  ["field-unknown", "cacheType before it exists", tokensFor(34), `${TOKENS}.cacheType`, "33-33", ""],
  ["field-case", "another spelling", withOurs({ matchimages: [] }), "providers[0].matchimages", "32-37", "26-31"],
  ["field-duplicate", "a field twice", `{"kind":"x",${withOurs({}).slice(1)}`, "kind", "32-37", "26-31"],
  ["token-attributes-disabled", "tokenAttributes while the feature gate is off", tokensFor(33), TOKENS, "33-33", ""],
  ...of("token-audience-missing", "33-37", "", [
    [`${TOKENS}.serviceAccountTokenAudience`, "none", tokensFor(34, { serviceAccountTokenAudience: undefined })],
  ]),
  ...at(TOKENS, "33-37", "", [
    ["token-attributes-api-version", "v1beta1", withOurs({ apiVersion: PROVIDER_V1BETA1, tokenAttributes: tokens })],
    [
      "token-annotation-key-duplicate",
      "a key in both annotation lists",
      requiring(["a"], { optionalServiceAccountAnnotationKeys: ["a"] }),
    ],
  ]),
  ...at(REQUIRE, "33-37", "", [
    ["token-require-service-account-missing", "none", tokensFor(34, { requireServiceAccount: undefined })],
    ["token-annotation-keys-forbidden", "not required", requiring(["a"], { requireServiceAccount: false })],
  ]),
  ...at(`${REQUIRED}[1]`, "33-37", "", [
    ["token-annotation-key-invalid", "a space", requiring(["a", "a b"])],
    ["token-annotation-key-duplicate", "twice", requiring(["a", "a"])],
  ]),
  ...at(`${OPTIONAL}[0]`, "33-37", "", [
    ["token-annotation-key-invalid", "two slashes", knowing("a/b/c")],
    ["token-annotation-key-invalid", "an empty prefix", knowing("/c")],
  ]),
  ...at(`${TOKENS}.cacheType`, "34-37", "", [
    ["token-cache-type-invalid", "none", tokensFor(33)],
    ["token-cache-type-invalid", "another one", tokensFor(34, { cacheType: "token" })],
  ]),
  ...at(MATCH_IMAGES, "", ALL, [
    ["host-form-missing", "only the short form", withOurs({ matchImages: ["*.ocir.io"] })],
    ["host-form-missing", "only the long form", withOurs({ matchImages: ["ocir.*.oci.*.*", "*.*"] })],
    ["host-form-missing", "no list", withOurs({ matchImages: "*.ocir.io" })],
    ["host-form-missing", "a port", withOurs({ matchImages: ["*.ocir.io:443", "ocir.*.oci.*.*"] })],
    ["host-form-missing", "a glob in the path", withOurs({ matchImages: ["*.ocir.io/*", "ocir.*.oci.*.*"] })],
    ["host-form-missing", "a scheme", withOurs({ matchImages: ["https://*.ocir.io", "ocir.*.oci.*.*"] })],
  ]),
  ["provider-missing", "only another credential provider", config([other]), "providers", "", ALL],
  ["cache-duration-positive", "an hour", duration("1h"), DURATION, "", ALL],
  ...of("service-account-overlap", "", ALL, [
    ["providers[1].matchImages[0]", "an image of both of our entries", ofBoth("*.ocir.io", "fra.ocir.io")],
    ["providers[1].matchImages[0]", "two names of one registry", ofBoth("iad.ocir.io", "us-ashburn-1.ocir.io")],
  ]),
  ["service-account-token-missing", "no tokenAttributes", config([sa]), "providers[0]", "", ALL],
  ["service-account-token-missing", "tokenAttributes before they exist", saWithTokens, "providers[0]", "", "26-32"],
];

function yamlOf(name: string, providerField = ""): string {
  return [
    "apiVersion: kubelet.config.k8s.io/v1",
    "kind: CredentialProviderConfig",
    "providers:",
    `- name: ${name}`,
    '  matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]',
    "  defaultCacheDuration: 0s",
    "  apiVersion: credentialprovider.kubelet.k8s.io/v1",
    providerField,
  ].join("\n");
}

describe("checkCredentialProviderConfig", () => {
  test.each(ROWS)("reports %s: %s", (code, _what, text, path, fatal, warning) => {
    expect({
      fatal: minorsOf(text, code, path, "fatal"),
      warning: minorsOf(text, code, path, "warning"),
    }).toStrictEqual({ fatal, warning });
    const found = [NEWEST, 33, 32].flatMap((minor) => check(text, minor));
    const finding = found.find((candidate) => candidate.code === code && candidate.path === path);
    expect(finding?.fix).toBe(RULES[code].fix);
    expect(finding?.message).toMatch(/^[\x20-\x7e…]{1,300}$/);
  });

  test("has a test row for every code, except those for whole files", () => {
    const ofFiles = ["files-missing", "directory-unsupported", "not-understood"];
    const codes = new Set<string>([...ROWS.map(([code]) => code), ...ofFiles]);
    expect([...codes].sort()).toStrictEqual(Object.keys(RULES).sort());
  });

  test.each([
    ["our credential provider", withOurs({})],
    ["YAML", yamlOf("credential-provider-oke")],
    ["arguments and env", withOurs({ args: ["a", null], env: [{ name: "A", value: "1" }, { name: "B" }, null] })],
    ["nulls", withOurs({ args: null, env: null })],
    ["older versions", config([{ ...ours, apiVersion: PROVIDER_V1ALPHA1 }], { apiVersion: V1ALPHA1 })],
    [
      "another credential provider, whatever it serves",
      config([{ ...other, matchImages: ["https://x/*", "*.ocir.io"] }, ours]),
    ],
    ["JSON with half a character", withOurs({ args: ["\ud800"] })],
    ["a vanity host with a port", image("registry.example.com:5000/acme")],
    ["IPv6", image("[::1]:5000")],
    ["dates and times", yamlOf("credential-provider-oke", "  args:\n  - 2026-01-01\n  - 1:30")],
  ])("reports nothing for %s, at any minor version", (_name, text) => {
    for (let minor = OLDEST; minor <= NEWEST + 1; minor++) expect(check(text, minor)).toStrictEqual([]);
  });

  test.each(["true", "yes", "On", "false", "off"])("decodes requireServiceAccount: %s as a boolean", (value) => {
    const attributes = `{serviceAccountTokenAudience: a, cacheType: Token, requireServiceAccount: ${value}, requiredServiceAccountAnnotationKeys: [Example.com/A]}`;
    const codes = check(yamlOf("credential-provider-oke", `  tokenAttributes: ${attributes}`), NEWEST).map(
      ({ code }) => code,
    );
    expect(codes).toStrictEqual(value === "false" || value === "off" ? ["token-annotation-keys-forbidden"] : []);
  });

  test("uses the last value of a duplicate field before 1.32", () => {
    const text = withOurs({}).replace('"name":', '"name":"absent","name":');
    expect(check(text, 31)).toMatchObject([{ code: "field-duplicate", severity: "warning" }]);
  });

  test("accepts tokenAttributes: null as absent when the kubelet knows the field", () => {
    expect(check(withOurs({ tokenAttributes: null }), 33)).toStrictEqual([]);
  });

  test("uses the feature gate when it is given", () => {
    expect(check(tokensFor(33), 33, { serviceAccountTokens: true })).toStrictEqual([]);
    expect(check(tokensFor(34), 34, { serviceAccountTokens: false })).toMatchObject([
      { code: "token-attributes-disabled" },
    ]);
  });

  test("reports the line", () => {
    expect(check(yamlOf("credential-provider-oke", "  extra: 1"), NEWEST)).toMatchObject([
      { code: "field-unknown", file: "config", line: 8, path: "providers[0].extra" },
    ]);
    expect(check("a: 1\nb: [", NEWEST)).toMatchObject([{ code: "not-understood", severity: "unknown", line: 2 }]);
  });

  test("never prints an argument or the value of an environment entry", () => {
    const text = withOurs({ args: [["hunter2"]], env: [{ name: "A", value: { hunter2: 1 } }] });
    expect(JSON.stringify(check(text, NEWEST))).not.toContain("hunter2");
    expect(JSON.stringify(check('a: "hunter2" hunter2\n', NEWEST))).not.toContain("hunter2");
  });

  test("truncates what it quotes", () => {
    const [finding] = check(withOurs({ name: `/${"a".repeat(500)}` }), NEWEST);
    expect(finding?.message).toContain(`"/${"a".repeat(78)}…"`);
  });

  test.each([25, 0, -1, 1.5, Number.NaN])("rejects the minor version %s", (kubeletMinor) => {
    expect(() => check(withOurs({}), kubeletMinor)).toThrow(
      expect.objectContaining({ name: "KubeletConfigError", code: "kubelet-minor-unsupported", retryable: false }),
    );
    expect(() => readProviders([], { kubeletMinor })).toThrow(KubeletConfigError);
  });

  test("never throws, whatever the text", () => {
    const pieces = `a~:~ ~\n~- ~[~]~{~}~&a~*a~<<: ~'~"~#~?~|~!t ~---\n~\t`.split("~");
    const yaml = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((some) => some.join(""));
    fc.assert(
      fc.property(fc.oneof(yaml, fc.json(), fc.string()), fc.integer({ min: OLDEST, max: NEWEST }), (text, minor) => {
        expect(check(text, minor).some(({ severity }) => severity !== "warning")).toBe(true);
      }),
    );
  });

  test("reads any JSON as JSON.parse does", () => {
    const space = fc.constantFrom(undefined, " ", "\t", "    ");
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), space, (names, indent) => {
        const parsed = JSON.parse(config(names.map((name) => ({ name }))));
        const text = JSON.stringify(parsed, null, indent);
        const read = readProviders([{ path: "", text }], { kubeletMinor: NEWEST });
        expect(read.map(({ name }) => name)).toStrictEqual(names);
      }),
    );
  });
});

describe("checkCredentialProviderConfig of a directory", () => {
  const checkFiles = (files: readonly ConfigFile[], more: Partial<CheckOptions> = {}) =>
    checkCredentialProviderConfig(files, { kubeletMinor: 34, hasExecutable: () => true, ...more });
  const a = { path: "conf.d/a.yaml", text: yamlOf("credential-provider-oke") };
  const b = { path: "conf.d/b.json", text: config([other]) };
  const UNSUPPORTED = { severity: "fatal", code: "directory-unsupported", file: "", path: "" };

  test("merges the files in the order of their names", () => {
    const files = [b, { path: "conf.d/c.conf", text: "not read" }, a, { path: "conf.d/B.yml", text: yamlOf("last") }];
    const names = readProviders(files, { kubeletMinor: 34 }).map(({ name }) => name);
    expect(names).toStrictEqual(["last", "credential-provider-oke", "other"]);
    expect(checkFiles([b, a])).toStrictEqual([]);
  });

  test.each<[what: string, files: readonly ConfigFile[], finding: object, more?: Partial<CheckOptions>]>([
    ["two files, before 1.34", [a, b], UNSUPPORTED, { kubeletMinor: 33, directory: true }],
    ["one file, before 1.34", [a], UNSUPPORTED, { kubeletMinor: 33, directory: true }],
    ["no file", [], { severity: "fatal", code: "files-missing", file: "" }],
    [
      "one provider name in two files",
      [{ ...a, path: "conf.d/z.yaml" }, a],
      {
        code: "provider-name-duplicate",
        file: "conf.d/z.yaml",
        line: 4,
        message: '"credential-provider-oke" is already at conf.d/a.yaml providers[0].name',
      },
    ],
    ["a file that cannot be read", [b, { ...a, text: "[" }], { code: "not-understood", file: "conf.d/a.yaml" }],
  ])("has one finding for %s", (_what, files, finding, more) => {
    expect(checkFiles(files, more)).toMatchObject([finding]);
  });
});

test("readProviders returns empty texts and lists for what cannot be read", () => {
  const text = config([
    { name: 1, matchImages: "x" },
    { name: "a", matchImages: ["b", 2] },
  ]);
  expect(readProviders([{ path: "config", text }], { kubeletMinor: 31 })).toMatchObject([
    { name: "", matchImages: [] },
    { name: "a", matchImages: ["b", ""] },
  ]);
  expect(readProviders([{ path: "config", text: "[" }], { kubeletMinor: 31 })).toStrictEqual([]);
});
