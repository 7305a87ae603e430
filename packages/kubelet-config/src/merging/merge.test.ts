import { PROVIDER_NAME } from "@ocir-broker/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { checkCredentialProviderConfig } from "../index.ts";
import { type MergeOptions, mergeProvider, removeProvider } from "./merge.ts";

const options: MergeOptions = { name: PROVIDER_NAME, kubeletMinor: 34 };

const NEW = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: credential-provider-oke
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    matchImages:
      - "*.ocir.io"
      - "ocir.*.oci.*.*"
    defaultCacheDuration: 0s
`;

const ECR = `# Managed by the cluster team.
apiVersion: kubelet.config.k8s.io/v1 # since 1.26
kind: CredentialProviderConfig
providers:
# for the base images
- name: ecr
  matchImages: ["*.dkr.ecr.*.amazonaws.com"] # all accounts
  defaultCacheDuration: 12h
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  tokenAttributes: {serviceAccountTokenAudience: ecr, requireServiceAccount: yes, cacheType: Token}
`;

const OURS = `- name: credential-provider-oke
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages:
  - "*.ocir.io"
  - "ocir.*.oci.*.*"
  defaultCacheDuration: 0s
`;

const GCR = `- name: gcr
  matchImages:
  - gcr.io
  defaultCacheDuration: 1m
  apiVersion: credentialprovider.kubelet.k8s.io/v1
`;

/** The last provider's arguments are an alias of ours. */
const ALIASED = `${ECR}${OURS}  args: &a [x]\n${GCR}  args: *a\n`;

const withProvider = (fields: string) => `${ECR}${fields}${GCR}`;
const decode = (text: string) => parse(text, { version: "1.1" });
const providerOf = (text: string) => parse(text).providers.find(({ name }: { name: string }) => name === PROVIDER_NAME);

describe("mergeProvider", () => {
  test.each([
    ["no file", undefined],
    ["an empty file", ""],
    ["white space", "\n \n"],
  ])("makes a new configuration from %s", (_name, existing) => {
    expect(mergeProvider(existing, options)).toBe(NEW);
  });

  test("keeps comments that stand alone", () => {
    expect(mergeProvider("# ours\n", options)).toBe(`# ours\n\n${NEW}`);
  });

  test.each([
    ["no providers", ""],
    ["providers without a value", "providers:\n"],
    ["no provider", "providers: []\n"],
  ])("adds the provider where there are %s", (_name, providers) => {
    const existing = `apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\n${providers}`;
    expect(parse(mergeProvider(existing, options))).toStrictEqual(parse(NEW));
  });

  test("gives arguments and environment, quoted where the kubelet would take them for something else", () => {
    const merged = mergeProvider(undefined, {
      ...options,
      args: ["--fast", "yes", "a b", "5"],
      env: { A: "no", B: "/x" },
    });
    expect(merged).toBe(`${NEW}    args:
      - --fast
      - "yes"
      - "a b"
      - "5"
    env:
      - name: A
        value: "no"
      - name: B
        value: /x
`);
  });

  test("adds the provider behind the others, and leaves them, comments and style as they are", () => {
    expect(mergeProvider(ECR, options)).toBe(ECR + OURS);
  });

  test("changes a provider of the same name where it stands", () => {
    const existing = withProvider(`# theirs
- name: credential-provider-oke # keep this name
  matchImages:
  # vanity host
  - registry.example.com:5000
  - "*.ocir.io"
  - "*.ocir.io"
  - "iad.ocir.io:*"
  - i[a-z]d.ocir.io
  - 5
  - {}
  defaultCacheDuration: 10m
  unknown: &odd key
  *odd : 1
  apiVersion: credentialprovider.kubelet.k8s.io/v1alpha1
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  args: [--old]
  tokenAttributes: {}
`);
    expect(mergeProvider(existing, options)).toBe(
      withProvider(`# theirs
- name: credential-provider-oke # keep this name
  matchImages:
  # vanity host
  - registry.example.com:5000
  - "*.ocir.io"
  - "ocir.*.oci.*.*"
  defaultCacheDuration: 0s
  apiVersion: credentialprovider.kubelet.k8s.io/v1
`),
    );
  });

  test("keeps harmless environment entries, and prefers the given ones", () => {
    const existing = withProvider(`${OURS}  env:
  # for the proxy
  - name: HTTPS_PROXY
    value: http://proxy:3128
  - name: OCIR_BROKER_SOCKET
    value: /old.sock
  - name: EMPTY
  - name: LD_PRELOAD
    value: /tmp/x.so
  - name: NODE_OPTIONS
    value: --inspect
  - name: ""
    value: x
  - value: x
  - name: A
    value: [x]
  - name: B
    valueFrom: x
  - name: C
    value: 5
  - text
`);
    expect(mergeProvider(existing, { ...options, env: { OCIR_BROKER_SOCKET: "/new.sock" } })).toBe(
      withProvider(`${OURS}  env:
  # for the proxy
  - name: HTTPS_PROXY
    value: http://proxy:3128
  - name: EMPTY
  - name: OCIR_BROKER_SOCKET
    value: /new.sock
`),
    );
  });

  test.each(["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS"])(
    "drops the environment entry %s, which could make a program load code or trust a CA",
    (name) => {
      const existing = withProvider(`${OURS}  env:\n  - name: ${name}\n    value: /tmp/x\n`);
      expect(mergeProvider(existing, options)).toBe(withProvider(OURS));
    },
  );

  test("leaves one of several providers of the same name", () => {
    expect(mergeProvider(withProvider(OURS + OURS), options)).toBe(withProvider(OURS));
  });

  test.each([
    [
      "a list without items in flow style",
      "apiVersion: kubelet.config.k8s.io/v1\nproviders: [] # none\nkind: CredentialProviderConfig\n",
      `apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\n${NEW.slice(NEW.indexOf("providers"))}`,
    ],
    ["no line break at the end", ECR.trimEnd(), ECR + OURS],
    ["CRLF", ECR.replaceAll("\n", "\r\n"), (ECR + OURS).replaceAll("\n", "\r\n")],
    ["a block scalar at its end", `${ECR}  args:\n  - |+\n    a\n\n`, `${ECR}  args:\n  - |+\n    a\n\n${OURS}`],
    ["a block scalar without text", `${ECR}  args:\n  - | # c\n`, `${ECR}  args:\n  - | # c\n${OURS}`],
    ["empty values in flow maps", `${ECR}  env: [{name: A, value: }]\n`, `${ECR}  env: [{name: A, value: }]\n${OURS}`],
  ])("leaves every byte but its own in a file with %s", (_name, existing, merged) => {
    expect(mergeProvider(existing, options)).toBe(merged);
  });

  test("removes a field that stands behind the dash", () => {
    const existing = ECR + OURS.replace("- name", "- odd: 1 # why\n  name");
    expect(mergeProvider(existing, options)).toBe(ECR + OURS);
  });

  test("gives a value to a field that has none, not even a colon", () => {
    const existing = ECR + OURS.replace("defaultCacheDuration: 0s", "? defaultCacheDuration");
    expect(decode(mergeProvider(existing, options))).toStrictEqual(decode(ECR + OURS));
  });

  test("encodes the whole file again if nothing else keeps the meaning", () => {
    const merged = mergeProvider(ALIASED, options);
    expect(decode(merged)).toStrictEqual(decode(`${ECR}${OURS}${GCR}  args: [x]\n`));
    // The last line at the end of the file has no line break, which would become part of the text.
    const scalar = `${ECR.replace("- name", "- env: []\n  name")}- name: b\n${ECR.slice(ECR.indexOf("  matchImages"))}  env: [{}]\n  args:\n  - |\n    a`;
    expect(mergeProvider(scalar, options)).toContain("    env:\n      - {}\n    args:\n      - a\n");
  });

  test("keeps further documents, which the kubelet does not read", () => {
    expect(mergeProvider(`${ECR}---\nother: 1\n`, options)).toBe(`${ECR}${OURS}---\nother: 1\n`);
  });

  test.each([
    ["a tab", '{\n\t"kind": "CredentialProviderConfig"\n}\n', "\t", "\n"],
    ["two spaces", ' {\r\n  "kind": "CredentialProviderConfig"}', "  ", ""],
    ["nothing", '{"kind":"CredentialProviderConfig"}', undefined, ""],
  ])("leaves JSON as JSON, indented by %s", (_name, existing, indent, end) => {
    const expected = { kind: "CredentialProviderConfig", ...parse(NEW) };
    expect(mergeProvider(existing, options)).toBe(JSON.stringify(expected, null, indent) + end);
  });

  test.each([
    ["broken YAML", "a: ["],
    ["broken JSON", "{a: 1}"],
    ["a list", "- a"],
    ["a text", "text"],
    ["providers that are a map", "providers: {}"],
    ["providers twice", "providers: []\nproviders: []"],
    ["providers in another spelling", "Providers: []"],
    ["JSON with a number that JavaScript spells otherwise", '{"a": 1.0}'],
    ["an alias into what is replaced, before a second document", `${ALIASED}---\na: 1\n`],
  ])("refuses to edit %s", (_name, existing) => {
    expect(() => mergeProvider(existing, options)).toThrow(
      expect.objectContaining({ name: "KubeletConfigError", code: "config-not-editable", retryable: false }),
    );
  });

  test("escapes text that the kubelet would read with a line break", () => {
    const separator = { ...options, args: ["a\u2028b"] };
    expect(mergeProvider(ECR, separator)).toBe(`${ECR}${OURS}  args:\n  - "a\\U00002028b"\n`);
    expect(mergeProvider("{}", separator)).toContain("a\u2028b");
  });

  test("refuses a file that would stop the kubelet all the same", () => {
    const existing = ECR.replace("defaultCacheDuration: 12h", "timeout: 1s");
    expect(() => mergeProvider(existing, options)).toThrow(
      'config-refused: field-unknown at providers[0].timeout: "timeout" is no field here',
    );
    expect(() => mergeProvider(existing, { ...options, kubeletMinor: 31 })).toThrow(
      "config-refused: cache-duration-missing at providers[0].defaultCacheDuration",
    );
    expect(() => mergeProvider(`${ECR}- text\n`, options)).toThrow("config-refused: field-type-invalid");
    expect(() => mergeProvider(ECR, { ...options, name: "a/b" })).toThrow("config-refused: provider-name-invalid");
    expect(() => mergeProvider(ECR, { ...options, kubeletMinor: 25 })).toThrow("kubelet-minor-unsupported");
  });
});

describe("removeProvider", () => {
  test.each([
    ["YAML", ECR],
    ["YAML with more behind it", ECR + GCR],
    ["JSON", `${JSON.stringify(parse(ECR + GCR, { version: "1.1" }), null, 2)}\n`],
  ])("undoes mergeProvider in %s", (_name, existing) => {
    expect(removeProvider(mergeProvider(existing, options), options)).toBe(existing);
  });

  test("takes it out from between others", () => {
    expect(removeProvider(withProvider(OURS), options)).toBe(withProvider(""));
  });

  test("takes the last of two names, as older kubelets do", () => {
    const renamed = withProvider(OURS.replace("\n", "\n  name: other\n"));
    expect(removeProvider(renamed, options)).toBe(renamed);
  });

  test("changes nothing where it is not", () => {
    const untidy = "providers:   [ ]   # none\n";
    expect(removeProvider(untidy, options)).toBe(untidy);
  });

  test("says that no provider is left", () => {
    expect(removeProvider(NEW, options)).toBeUndefined();
  });
});

describe("mergeProvider and removeProvider, for any valid configuration,", () => {
  const text = fc.oneof(
    // The YAML package writes these unescaped, and the kubelet reads them only from JSON.
    fc.string({ unit: "binary", maxLength: 8 }).filter((any) => !/[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/.test(any)),
    fc.constantFrom("yes", "null", "1", "~", "<<", "*a"),
  );
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/).map((word) => `x-${word}`);
  const fields = {
    apiVersion: fc.constantFrom("credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1alpha1"),
    matchImages: fc.array(fc.constantFrom("*.ocir.io", "gcr.io", "a.b.c:5000/d"), { minLength: 1 }),
    defaultCacheDuration: fc.constantFrom("0s", "1h30m", "0"),
    args: fc.option(fc.array(text)),
    env: fc.option(fc.array(fc.record({ name: text, value: text }))),
  };
  const others = fc.uniqueArray(fc.record({ name, ...fields }), {
    selector: (provider) => provider.name,
    maxLength: 4,
  });
  const existingOurs = fc.option(fc.record({ name: fc.constant(PROVIDER_NAME), ...fields }), { nil: undefined });
  const asText = fc.constantFrom(
    (config: object) => JSON.stringify(config),
    (config: object) => JSON.stringify(config, null, 2),
    // Quoted by the rules of YAML 1.1, which the kubelet applies.
    (config: object) => stringify(config, { version: "1.1" }),
  );
  const wanted = fc.record({
    name: fc.constant(PROVIDER_NAME),
    kubeletMinor: fc.integer({ min: 26, max: 37 }),
    args: fc.array(text),
    env: fc.dictionary(fc.stringMatching(/^[A-Z]{1,4}$/), text),
  });

  test("keep the others, are idempotent, and pass the kubelet's rules", () => {
    fc.assert(
      fc.property(others, existingOurs, fc.nat(), asText, wanted, (providers, ours, at, write, merge) => {
        const all = ours === undefined ? providers : providers.toSpliced(at % (providers.length + 1), 0, ours);
        const existing = write({
          apiVersion: "kubelet.config.k8s.io/v1",
          kind: "CredentialProviderConfig",
          providers: all,
        });

        const merged = mergeProvider(existing, merge);

        expect(mergeProvider(merged, merge)).toBe(merged);
        const check = { kubeletMinor: merge.kubeletMinor, hasExecutable: () => true };
        const fatal = checkCredentialProviderConfig([{ path: "", text: merged }], check).filter(
          ({ severity }) => severity === "fatal",
        );
        expect(fatal).toStrictEqual([]);
        const names = all.map((provider) => provider.name);
        expect(parse(merged).providers.map((provider: { name: string }) => provider.name)).toStrictEqual(
          ours === undefined ? [...names, PROVIDER_NAME] : names,
        );
        expect(providerOf(merged)).toMatchObject({
          matchImages: expect.arrayContaining(["*.ocir.io", "ocir.*.oci.*.*"]),
          defaultCacheDuration: "0s",
          ...(merge.args.length === 0 ? {} : { args: merge.args }),
        });
        const removed = removeProvider(merged, merge);
        if (providers.length === 0) expect(removed).toBeUndefined();
        else expect(parse(String(removed)).providers).toEqual(providers);
      }),
    );
  });
});
