import { PLUGIN_NAME, SERVICE_ACCOUNT_PLUGIN_NAME } from "@ocir-broker/protocol/contract";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { EXAMPLES } from "../../test/examples.ts";
import { readEditableConfig, withProviders } from "./edit.ts";
import { type MergeOptions, mergeProvider, removeProviders } from "./merge.ts";

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

const HEAD = "apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\n";
const LONG_ARGS = `  args: ['no', "1e3", ${"x".repeat(200)}, "a\\n${"b ".repeat(100)}", "é"]\n`;

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
    const existing = withProvider(`- name: credential-provider-oke
  matchImages:
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
  tokenAttributes: {}
# of gcr
`);
    expect(mergeProvider(existing, options)).toBe(
      withProvider(`- name: credential-provider-oke
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages:
  - "registry.example.com:5000"
  - "*.ocir.io"
  - "ocir.*.oci.*.*"
  defaultCacheDuration: 0s
# of gcr
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

  test.each([
    ["a field twice", `${OURS}  name: credential-provider-oke\n`],
    ["a field of a variable twice", `${OURS}  env: [{name: OCIR_BROKER_B, value: a, value: b}]\n`],
  ])("writes our own entry again that has %s", (_name, entry) => {
    const merged = mergeProvider(withProvider(entry), options);
    expect(merged).toContain(OURS);
    expect(parse(merged, { version: "1.1" }).providers).toHaveLength(3);
  });

  test("refuses another entry that has a field twice", () => {
    expect(() => mergeProvider(`${ECR}  name: ecr\n`, options)).toThrow("config-refused: field-duplicate");
  });

  test("keeps the variables that the plugin reads, and no other", () => {
    const variable = `  env:
  - name: OCIR_BROKER_SOCKET
    value: "/run/on"
`;
    const existing = withProvider(`${OURS}${variable}  - name: LD_PRELOAD
    value: /tmp/x
  - name: OCIR_BROKER_B
    valueFrom: x
  - name: OCIR_BROKER_C
    value: 5
  - text
  -
`);
    expect(mergeProvider(existing, options)).toBe(withProvider(`${OURS}${variable.replaceAll('"', "")}`));
  });

  test.each([
    ["comments and another style", ECR, ECR + OURS],
    ["no line break at the end", ECR.trimEnd(), ECR + OURS],
    ["CRLF", ECR.replaceAll("\n", "\r\n"), (ECR + OURS).replaceAll("\n", "\r\n")],
    ["comments at the end", `${ECR}  # of ecr\n`, `${ECR}  # of ecr\n${OURS}`],
    ["an empty value at its end", `${ECR}  args: # none\n`, `${ECR}  args: # none\n${OURS}`],
    ["texts in quotes, and long ones", `${ECR}${LONG_ARGS}`, `${ECR}${LONG_ARGS}${OURS}`],
    ["marks of a document", `---\n${ECR}...\n`, `---\n${ECR}${OURS}...\n`],
    [
      "a field behind the providers",
      `${ECR.replace("kind: CredentialProviderConfig\n", "")}kind: CredentialProviderConfig\n`,
      `${ECR.replace("kind: CredentialProviderConfig\n", "")}${OURS}kind: CredentialProviderConfig\n`,
    ],
    ["an empty list", `${HEAD}providers: []\n`, NEW],
  ])("adds its lines to a file with %s", (_name, existing, merged) => {
    expect(mergeProvider(existing, options)).toBe(merged);
  });

  test.each([
    ["a tab", "\t", "\n"],
    ["two spaces", "  ", ""],
    ["nothing", undefined, ""],
  ])("changes only its own bytes in JSON indented by %s, also with CRLF", (_name, indent, end) => {
    const [ecr] = parse(ECR, { version: "1.1" }).providers;
    const config = (...providers: object[]) =>
      JSON.stringify(
        { kind: "CredentialProviderConfig", providers, apiVersion: "kubelet.config.k8s.io/v1" },
        null,
        indent,
      ) + end;
    const merged = mergeProvider(config(ecr), options);
    expect(merged).toBe(config(ecr, providerOf(NEW)));
    expect(removeProviders(merged)).toBe(config(ecr));
    expect(mergeProvider(merged, options)).toBe(merged);
    const crlf = (text: string) => text.replaceAll("\n", "\r\n");
    expect(mergeProvider(crlf(config(ecr)), options)).toBe(crlf(merged));
  });

  test.each([
    ["YAML outside the supported subset", "a: &b c", "line 1: it has"],
    ["broken YAML", "a: [", "line 1: it is not valid YAML"],
    ["broken JSON", "{a: 1}", "it begins with {"],
    ["a list", "- a", "it is not a map"],
    ["a text", "text", "it is not a map"],
    ["no providers", "kind: CredentialProviderConfig", "providers is not a list"],
    ["providers that are a map", "providers: {}", "providers is not a list"],
    [
      "a value in brackets that other readers would take for a name",
      `${ECR}  env: [{name: A, value: }]\n`,
      "another part",
    ],
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

  test("refuses to change a text that the library would write with a character that is not read here", () => {
    expect(() => mergeProvider(`${ECR}  args: ["\\u2028"]\n`, options)).toThrow("config-not-editable");
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
    expect(() => mergeProvider(`${ECR}-\n`, options)).toThrow("config-refused: provider-name-invalid");
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
    ["behind another", "[{name: a}, # of a, b\n  ITEM # ours\n]", "\n  [\n    {name: a} # of a, b\n  ]"],
    ["on one line", "[{name: a}, ITEM, {name: b}]", " [{name: a}, {name: b}]"],
  ])("removes our provider from brackets: %s", (_name, existing, removed) => {
    const ours = `{name: ${PLUGIN_NAME}}`;
    expect(removeProviders(`providers: ${existing.replace("ITEM", ours)}\n`)).toBe(`providers:${removed}\n`);
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

  test.each(ofOthers)("add our credential providers and restore the text: $source", ({ text }) => {
    const merged = mergeProvider(text, options);
    expect(merged).not.toBe(text);
    expect(parse(String(removeProviders(merged)))).toEqual(parse(text));
    expect(removeProviders(mergeProvider(merged, { ...options, serviceAccounts: { audience: "a" } }))).toBe(
      removeProviders(merged),
    );
  });

  test("replace Oracle's entry", () => {
    const text = String(EXAMPLES.find((example) => example.text.includes(PLUGIN_NAME))?.text);
    expect(providerOf(mergeProvider(text, options))).toEqual(providerOf(NEW));
  });
});

test("withProviders rejects a result that does not decode to the wanted providers", () => {
  const config = readEditableConfig("providers: [{name: another}]\n");
  expect(() => withProviders({ ...config, fields: { kind: "x" } }, config.providers)).toThrow("another part");
});
