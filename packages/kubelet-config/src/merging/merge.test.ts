import { PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EXAMPLES } from "../../test/examples.ts";
import { mapOf } from "./fields.ts";
import { checkedText, type MergeOptions, mergeProvider, removeProviders } from "./merge.ts";

const options: MergeOptions = { kubeletMinor: 34 };

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

const withProvider = (fields: string) => `${ECR}${fields}${GCR}`;
const providerOf = (text: string) => parse(text).providers.find(({ name }: { name: string }) => name === PLUGIN_NAME);

describe("mergeProvider", () => {
  test.each([
    ["no file", undefined, NEW],
    ["an empty file", "", NEW],
    ["white space", "\n \n", NEW],
    ["a file of comments, which it keeps", "# ours\n", `# ours\n\n${NEW}`],
  ])("creates a configuration from %s", (_name, existing, merged) => {
    expect(mergeProvider(existing, options)).toBe(merged);
  });

  test("updates a provider of the same name in place, and keeps the text around it", () => {
    const existing = withProvider(`# theirs
- name: credential-provider-oke # dropped
  matchImages:
  # dropped
  - registry.example.com:5000
  - "*.ocir.io"
  - "*.ocir.io"
  - "iad.ocir.io:*"
  - i[a-z]d.ocir.io
  - 5
  - {}
  defaultCacheDuration: 10m
  unknown: 1
  apiVersion: credentialprovider.kubelet.k8s.io/v1alpha1
  args: [--old]
  tokenAttributes: {} # kept
# kept
`);
    expect(mergeProvider(existing, options)).toBe(
      withProvider(`# theirs
- name: credential-provider-oke
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages:
  - "registry.example.com:5000"
  - "*.ocir.io"
  - "ocir.*.oci.*.*"
  defaultCacheDuration: 0s # kept
# kept
`),
    );
  });

  test("keeps a provider that needs no change, with its comments", () => {
    const existing = withProvider(`# ours
- defaultCacheDuration: "0s" # never cached
  name: 'credential-provider-oke'
  matchImages: ["*.ocir.io", "ocir.*.oci.*.*"]
  apiVersion: credentialprovider.kubelet.k8s.io/v1
`);
    expect(mergeProvider(existing, options)).toBe(existing);
  });

  test("keeps harmless environment entries", () => {
    const existing = withProvider(`${OURS}  env:
  - name: HTTPS_PROXY
    value: http://proxy:3128
  - name: EMPTY
  - name: NOTHING
    value:
  - name: "YES"
    value: "yes"
  - name: FLAGS
    value: "-/"
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
    expect(mergeProvider(existing, options)).toBe(
      withProvider(`${OURS}  env:
  - name: HTTPS_PROXY
    value: "http://proxy:3128"
  - name: EMPTY
    value: ""
  - name: NOTHING
    value: ""
  - name: "YES"
    value: "yes"
  - name: FLAGS
    value: "-/"
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

  test.each([
    ["comments and another style", ECR, ECR + OURS],
    ["no line break at the end", ECR.trimEnd(), (ECR + OURS).trimEnd()],
    ["CRLF", ECR.replaceAll("\n", "\r\n"), (ECR + OURS).replaceAll("\n", "\r\n")],
    ["CRLF and no end", ECR.trimEnd().replaceAll("\n", "\r\n"), (ECR + OURS).trimEnd().replaceAll("\n", "\r\n")],
    ["comments at the end", `${ECR}  # of ecr\n# of nobody\n`, `${ECR}${OURS}  # of ecr\n# of nobody\n`],
    ["an empty value at its end", `${ECR}  args: # none\n`, `${ECR}  args: # none\n${OURS}`],
    ["brackets", `${ECR}  env: [{name: A, value: }]\n`, `${ECR}  env: [{name: A, value: }]\n${OURS}`],
    ["marks of a document", `---\n${ECR}...\n`, `---\n${ECR}${OURS}...\n`],
    [
      "a field behind the providers",
      `${ECR.replace("kind: CredentialProviderConfig\n", "")}kind: CredentialProviderConfig\n`,
      `${ECR.replace("kind: CredentialProviderConfig\n", "")}${OURS}kind: CredentialProviderConfig\n`,
    ],
  ])("changes only its own bytes in a file with %s, which removeProviders restores", (_name, existing, merged) => {
    expect(mergeProvider(existing, options)).toBe(merged);
    expect(removeProviders(merged)).toBe(existing);
  });

  const FLOW = ECR.slice(0, ECR.indexOf("providers"));
  const ITEM =
    '{ "name": "credential-provider-oke", "apiVersion": "credentialprovider.kubelet.k8s.io/v1", "matchImages": [ "*.ocir.io", "ocir.*.oci.*.*" ], "defaultCacheDuration": "0s" }';
  const LINES = JSON.stringify(JSON.parse(ITEM), null, 2).replaceAll("\n", "\n  ");
  const GCR_ITEM =
    "{name: gcr, matchImages: [gcr.io], defaultCacheDuration: 1m, apiVersion: credentialprovider.kubelet.k8s.io/v1}";

  test.each([
    ["one line", `providers: [${GCR_ITEM}] # all\n`, `providers: [${GCR_ITEM}, ${ITEM}] # all\n`],
    ["lines of its own", `providers: [\n  ${GCR_ITEM}\n]\n`, `providers: [\n  ${GCR_ITEM},\n  ${LINES}\n]\n`],
    ["a comma at the end", `providers: [${GCR_ITEM},]\n`, `providers: [${GCR_ITEM}, ${ITEM},]\n`],
  ])("appends to a list in brackets: %s", (_name, existing, merged) => {
    expect(mergeProvider(FLOW + existing, options)).toBe(FLOW + merged);
    expect(removeProviders(FLOW + merged)).toBe(FLOW + existing);
  });

  test.each([
    ["a tab", "\t", "\n"],
    ["two spaces", "  ", ""],
    ["nothing", undefined, ""],
  ])("changes only its own bytes in JSON indented by %s", (_name, indent, end) => {
    const [ecr] = parse(ECR, { version: "1.1" }).providers;
    const config = (...providers: object[]) =>
      JSON.stringify(
        { kind: "CredentialProviderConfig", providers, apiVersion: "kubelet.config.k8s.io/v1" },
        null,
        indent,
      ) + end;
    const merged = mergeProvider(config(ecr), options);
    expect(JSON.parse(merged)).toEqual(JSON.parse(config(ecr, providerOf(NEW))));
    if (indent !== undefined) expect(merged).toBe(config(ecr, providerOf(NEW)));
    expect(removeProviders(merged)).toBe(config(ecr));
    expect(mergeProvider(merged, options)).toBe(merged);
  });

  test.each([
    ["YAML outside the supported subset", "a: &b c", "line 1: it has"],
    ["broken YAML", "a: [", "line 1: it is not valid YAML"],
    ["broken JSON", "{a: 1}", "it begins with {"],
    ["a list", "- a", "it is not a map"],
    ["a text", "text", "it is not a map"],
    ["no providers", "kind: CredentialProviderConfig", "providers is not a list"],
    ["providers that are a map", "providers: {}", "providers is not a list"],
    ["an empty list", "providers: []", "its list of providers is empty"],
    ["providers twice", "providers: []\nproviders: []", "providers is given twice"],
    ["providers in another spelling", "Providers: []", "providers is not a list"],
  ])("refuses to edit %s", (_name, existing, message) => {
    expect(() => mergeProvider(existing, options)).toThrow(
      expect.objectContaining({
        name: "KubeletConfigError",
        code: "config-not-editable",
        retryable: false,
        message: expect.stringContaining(message),
      }),
    );
  });

  test("escapes non-ASCII text", () => {
    const existing = withProvider(
      `${OURS}  env:\n  - name: A\n    value: "é\\u2028"\n    other: 1\n  - {name: B, value: 'é'}\n`,
    );
    expect(mergeProvider(existing, options)).toBe(
      withProvider(`${OURS}  env:\n  - name: B\n    value: "\\U000000e9"\n`),
    );
  });

  test("rejects a file that the kubelet would not start with", () => {
    const existing = ECR.replace("defaultCacheDuration: 12h", "timeout: 1s");
    expect(() => mergeProvider(existing, options)).toThrow(
      'config-refused: field-unknown at providers[0].timeout: "timeout" is not a known field here',
    );
    expect(() => mergeProvider(existing, { ...options, kubeletMinor: 31 })).toThrow(
      "config-refused: cache-duration-missing at providers[0].defaultCacheDuration",
    );
    expect(() => mergeProvider(`${ECR}- text\n`, options)).toThrow("config-refused: field-type-invalid");
    expect(() => mergeProvider(withProvider(OURS + OURS), options)).toThrow("config-refused: provider-name-duplicate");
    expect(() => mergeProvider(ECR, { ...options, kubeletMinor: 25 })).toThrow("kubelet-minor-unsupported");
  });
});

describe("removeProviders", () => {
  test("removes both of our providers from between others", () => {
    const tokens = OURS.replace(PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME);
    expect(removeProviders(withProvider(OURS + tokens))).toBe(withProvider(""));
  });

  test("uses the last of two names, as older kubelets do", () => {
    const renamed = withProvider(OURS.replace("\n", "\n  name: other\n"));
    expect(removeProviders(renamed)).toBe(renamed);
  });

  test.each([
    ["behind another", `[{name: a}, # of a, b\n  ITEM # ours\n]`, `[{name: a} # of a, b\n   # ours\n]`],
    ["before another", `[ITEM # ours, all\n  , {name: a}]`, `[ # ours, all\n   {name: a}]`],
    ["on one line", `[{name: a}, ITEM, {name: b}]`, `[{name: a}, {name: b}]`],
  ])("removes our provider from brackets, and keeps comments: %s", (_name, existing, removed) => {
    const ours = `{name: ${PLUGIN_NAME}}`;
    expect(removeProviders(`providers: ${existing.replace("ITEM", ours)}\n`)).toBe(`providers: ${removed}\n`);
  });

  test.each([
    ["our provider is not listed", ECR],
    ["the list is empty", "providers:   [ ]   # none\n"],
    ["the file is empty", ""],
  ])("changes nothing when %s", (_name, existing) => {
    expect(removeProviders(existing)).toBe(existing);
  });

  test("returns undefined when no provider remains", () => {
    expect(removeProviders(NEW)).toBeUndefined();
    expect(removeProviders(mergeProvider(NEW, { ...options, serviceAccounts: { audience: "a" } }))).toBeUndefined();
  });
});

describe("mergeProvider and removeProviders, for published configurations,", () => {
  const ofOthers = EXAMPLES.filter(({ text }) => !text.includes(PLUGIN_NAME));

  test.each(ofOthers)("add our credential providers and restore every byte: $source", ({ text }) => {
    const merged = mergeProvider(text, options);
    expect(merged).not.toBe(text);
    expect(removeProviders(merged)).toBe(text);
    expect(removeProviders(mergeProvider(merged, { ...options, serviceAccounts: { audience: "a" } }))).toBe(text);
  });

  test("replace Oracle's entry, and keep the fields that every kubelet accepts", () => {
    const text = String(EXAMPLES.find((example) => example.text.includes(PLUGIN_NAME))?.text);
    expect(providerOf(mergeProvider(text, options))).toEqual({
      ...providerOf(NEW),
      env: providerOf(text).env.filter(({ value }: { value: unknown }) => typeof value === "string"),
    });
  });
});

test("checkedText rejects a text that does not decode to the expected providers", () => {
  expect(() => checkedText(mapOf([]), "providers: [{name: another}]\n", [])).toThrow(/without changing another part;/);
});
