/** Doctor names each seeded fault, and reports nothing that does not follow from it. */
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { serveOnPort } from "@ocir-broker/node/test/socket-server";
import { test as base, describe, expect } from "vitest";
import {
  type BrokenNode,
  CONFIG,
  createBrokenNode,
  KUBELET_FLAGS,
  OUR_PROVIDER,
  PLUGIN,
  responseScript,
  simulateCloud,
  withConfig,
} from "../test/broken-node.ts";
import { CLOUD_FAULTS } from "../test/seeded-cloud-faults.ts";
import type { Break } from "../test/seeded-fault.ts";
import {
  all,
  NODE_FAULTS,
  sinceBoot,
  withAccountFailure,
  without,
  withoutFlags,
  withoutKubelet,
  withProvider,
  withUnitFlags,
} from "../test/seeded-node-faults.ts";
import {
  AUDIENCE,
  askForServiceAccount,
  OPT_IN,
  passingOn,
  SERVICE_ACCOUNT_FAULTS,
  SERVICE_ACCOUNT_PROVIDER,
  useServiceAccounts,
} from "../test/seeded-service-account-faults.ts";
import type { DiagnosisName } from "./diagnoses.ts";
import type { DoctorOptions } from "./doctor-options.ts";
import type { Finding } from "./finding.ts";

const simulator = await simulateCloud();

const test = base.extend<{ node: BrokenNode }>({
  node: async ({ task: _ }, use) => use(await createBrokenNode(simulator)),
});

const namesOf = (findings: readonly Finding[]): DiagnosisName[] => findings.map(({ name }) => name);

function problems(findings: readonly Finding[]): DiagnosisName[] {
  const isUnread = ({ name, verdict }: Finding) => verdict === "unknown" && name.startsWith("kubelet-config-");
  return namesOf(findings.filter((each) => /problem|warning/.test(each.verdict) || isUnread(each)));
}

/** The line with which the reader starts. */
function firstOf(findings: readonly Finding[]): DiagnosisName | undefined {
  const ofVerdict = (wanted: Finding["verdict"]) => findings.find(({ verdict }) => verdict === wanted);
  return (ofVerdict("problem") ?? ofVerdict("warning") ?? ofVerdict("unknown"))?.name;
}

describe("diagnose", () => {
  test("finds no problem on a healthy node", async ({ node }) => {
    const findings = await node.examine();
    expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(namesOf(findings)).toEqual([
      "broker-config-ok",
      "kubelet-config-ok",
      "image-match-ok",
      "plugin-ok",
      "selinux-ok",
      "kubelet-ok",
      "session-ok",
      "token-ok",
      "access-ok",
      "socket-ok",
      "daemon-ok",
      "plugin-response-ok",
    ]);
    const texts = findings.map(({ means }) => means);
    expect(texts).toEqual([...new Set(texts)]);
  });

  test.for([
    ["all", ""],
    ["annotated", OPT_IN],
    [
      "annotated",
      ", optionalServiceAccountAnnotationKeys: null, requiredServiceAccountAnnotationKeys: [a, ocir-broker/identity]",
    ],
  ] as const)(
    "finds no problem, but tries no pull, when %s service accounts pull and the entry has %j",
    async ([select, keys], { node }) => {
      const findings = await node.examine(useServiceAccounts(node, { select }, [passingOn(keys)]));
      const others = findings.filter(({ verdict }) => verdict !== "ok");
      expect(others).toMatchObject([{ name: "service-account-not-tried", verdict: "unknown" }]);
      expect(others[0]?.fix).toMatch(
        /--audience https:\/\/kubernetes\.default\.svc \| ssh NODE sudo \/usr\/local\/bin\/ocir-broker .*-token -$/,
      );
    },
  );

  test("checks the pull of a service account when its token is given", async ({ node }) => {
    const options = await askForServiceAccount(node);
    expect(await node.examine(options)).toContainEqual(
      expect.objectContaining({ name: "access-ok", evidence: "service account shop/puller, acme/shop/web" }),
    );
    node.simulator.iam({ granted: false });
    const missing = (await node.examine(options)).find(({ name }) => name === "policy-missing");
    expect(missing?.fix).toContain("request.principal.service_account = 'puller'");
    const serviceAccounts = { ...options.config?.serviceAccounts, fallback: "node" };
    const asNode = await node.examine({ ...options, ...withConfig(node, { serviceAccounts }) });
    const names = namesOf(asNode.filter(({ evidence }) => evidence.includes("shop/puller")));
    expect([names, asNode.some(({ means }) => means.includes("fallback: node"))]).toEqual([[], true]);
  });

  test("names the code for which a service account's pull got only the anonymous entry", async ({ node }) => {
    const options = await askForServiceAccount(node);
    node.plugin(responseScript({ "iad.ocir.io": { username: "", password: "" } }));
    const failed = async () =>
      (await node.examine(options)).flatMap(({ name, evidence, verdict }) =>
        verdict === "problem" ? `${name}: ${evidence}` : [],
      );
    expect(await failed()).toEqual([expect.stringMatching(/^service-account-failed: .* only an anonymous entry$/)]);
    await withAccountFailure("domain-tls", 0)(node);
    expect(await failed()).toEqual([
      expect.stringMatching(/^service-account-failed: shop\/puller: domain-tls, 0 s ago/),
    ]);
  });

  test.for([
    ["the kubelet's", "ocir", { audience: AUDIENCE }],
    ["the broker's", AUDIENCE, { audience: "ocir" }],
    ["both", "ocir", { audience: "ocir" }],
  ] as const)(
    "names the API server's audience and the command when %s is another one",
    async ([, entry, settings], { node }) => {
      const token = `e30.${Buffer.from(JSON.stringify({ aud: [AUDIENCE] })).toString("base64url")}.signature`;
      const volume = "/var/lib/kubelet/pods/1/volumes/kubernetes.io~projected/kube-api-access-abcde";
      node.write(`${volume}/..2026_11_27_10_00_00.1/token`, token);
      // As the kubelet makes it.
      chmodSync(join(node.root, volume), 0o1777);
      const provider = SERVICE_ACCOUNT_PROVIDER.replaceAll(AUDIENCE, entry);
      const findings = await node.examine(useServiceAccounts(node, settings, [provider]));
      const found = findings.find(({ name }) => name === "service-account-audience");
      expect(found?.evidence).toContain(`the API server's ${AUDIENCE}`);
      expect(found?.fix).toBe(
        `the right audience is ${AUDIENCE}: set serviceAccounts.audience and the kubelet's serviceAccountTokenAudience to it, and restart both`,
      );
      expect(JSON.stringify(findings)).not.toContain("signature");
      node.write("/usr/libexec/ocir-broker/current/ocir-broker", "", 0o755);
      const installed = await node.examine(useServiceAccounts(node, settings, [provider]));
      expect(installed.find(({ name }) => name === "service-account-audience")?.fix).toBe(
        `the right audience is ${AUDIENCE}: ocir-broker node connect --service-accounts ${AUDIENCE} && systemctl restart kubelet`,
      );
    },
  );

  test.for([
    ["pods", {}, [], []],
    ["nodes, too, if accounts opt in", { select: "annotated" }, [], ["policy-missing"]],
    ["nodes, too, as a fallback", { fallback: "node" }, [], ["policy-missing"]],
    ["nodes, too, by the kubelet's other entry", {}, [OUR_PROVIDER], ["policy-missing"]],
  ] as const)(
    "requires the node's policy only for images that are pulled by %s",
    async ([, settings, others, named], { node }) => {
      node.simulator.iam({ granted: false });
      const providers = [SERVICE_ACCOUNT_PROVIDER, ...others];
      const findings = await node.examine(useServiceAccounts(node, settings, providers));
      expect(namesOf(findings).filter((name) => /^(?:access|policy)-/.test(name))).toEqual(named);
    },
  );

  test("does not report service accounts as off when the configuration is invalid", async ({ node }) => {
    node.simulator.iam({ granted: false });
    const configError = "/etc/ocir-broker/config.yaml is not valid: file: not YAML";
    const findings = await node.examine({ ...useServiceAccounts(node, { tokenExchange: "none" }), configError });
    expect(problems(findings)).toEqual(["broker-config-invalid"]);
    expect(findings.map(({ means }) => means)).toContain(
      "the token exchange was not checked because of broker-config-invalid",
    );
  });

  test("ignores a service account failure older than 10 min", async ({ node }) => {
    await withAccountFailure("domain-token-refused", 601, null)(node);
    expect(problems(await node.examine())).toEqual([]);
  });

  test.for([...CLOUD_FAULTS, ...NODE_FAULTS, ...SERVICE_ACCOUNT_FAULTS])(
    "reports %s when %s",
    async ([named, _, breaks, also = []], { node }) => {
      const findings = await node.examine(((await breaks(node)) ?? {}) as Partial<DoctorOptions>);
      expect(new Set(problems(findings))).toEqual(new Set([named, ...also]));
      expect(firstOf(findings)).toBe(named);
      expect(namesOf(findings)).not.toContain("check-failed");
      const found = findings.find(({ name }) => name === named);
      expect(found?.evidence).not.toBe("");
      expect(found?.fix).toMatch(/\w/);
    },
  );
});

describe("diagnose, special cases", () => {
  const notChecked = (what: string): string => `${what} was not checked because of metadata-unreachable`;

  test("checks the home region's registry, and no permission, when no image is given", async ({ node }) => {
    const findings = await node.examine({ image: undefined });
    expect(namesOf(findings)).toContain("token-ok");
    expect(namesOf(findings)).not.toContain("access-ok");
    expect(findings.find(({ name }) => name === "plugin-response-ok")?.evidence).toContain("for 2 entries of auth");
  });

  test("lists what it could not check when the region is unknown", async ({ node }) => {
    const nowhere = withConfig(node, { auth: {}, metadata: { baseUrl: "http://127.0.0.1:1/opc/v2" } });
    const findings = await node.examine({ image: undefined, ...nowhere });
    expect(
      findings.filter(({ verdict }) => verdict === "unknown").map(({ means, evidence }) => [means, evidence]),
    ).toEqual([
      [notChecked("the registry's token"), "it needs the registry's name from the identity's region"],
      [notChecked("the plugin's response"), "it needs the host's name from an image or the identity's region"],
    ]);
  });

  test.for<[cause: string, breaks: Break, what: string]>([
    ["kubelet-flags-missing", withoutFlags, "the credential provider configuration"],
    ["kubelet-not-running", withoutKubelet, "the credential provider configuration"],
    ["kubelet-flags-missing", all(useServiceAccounts, withoutFlags), "the kubelet's entry for service accounts"],
    ["kubelet-config-missing", all(useServiceAccounts, without(CONFIG)), "service-accounts-unused"],
    ["kubelet-not-restarted", sinceBoot, "image-match-ok"],
    ["plugin-missing", without(PLUGIN), "the plugin's response"],
    ["image-invalid", () => ({ image: "A B" }), "the plugin's response"],
    [
      "federation-throttled",
      ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 429 }),
      "the registry's token",
    ],
    [
      "metadata-refused",
      ({ simulator }) => simulator.faults({ endpoint: "metadata.*", status: 403 }),
      "the registry's token",
    ],
  ])("names %s as the cause of a skipped check", async ([cause, breaks, what], { node }) => {
    const findings = await node.examine(((await breaks(node)) ?? {}) as Partial<DoctorOptions>);
    expect(findings.map(({ means }) => means)).toContain(`${what} was not checked because of ${cause}`);
    expect(namesOf(findings)).toContain(cause);
  });

  test.for<[what: string, unit: string, fix: RegExp]>([
    ["restarts a kubelet whose unit has no flags any more", "", /no longer has the flags: systemctl daemon-reload && /],
    ["corrects a unit that still has them", KUBELET_FLAGS.join(" "), /^correct the flags of the kubelet's unit/],
  ])("without ocir-broker and the configuration, the advice %s", async ([_what, flags, fix], { node }) => {
    rmSync(join(node.root, CONFIG));
    node.write("/usr/lib/systemd/system/kubelet.service", `[Service]\nExecStart=/usr/bin/kubelet ${flags}\n`);
    const found = (await node.examine()).find(({ name }) => name === "kubelet-config-missing");
    expect(found?.fix).toMatch(fix);
  });

  test("names the proxy's host, and no service gateway, when the proxy is unreachable", async ({ node }) => {
    const behindProxy = {
      proxy: { https: "http://us:canary@proxy.invalid:3128" },
      auth: { endpoint: "https://auth.test" },
    };
    const findings = await node.examine(withConfig(node, behindProxy));
    const found = findings.filter(({ verdict }) => verdict !== "ok");
    expect(namesOf(found)).toEqual(["federation-proxy-unreachable", "not-checked"]);
    expect(JSON.stringify(found)).not.toMatch(/service gateway|canary/);
  });

  test("prints the dynamic group's rule with the instance's compartment when no policy is there", async ({ node }) => {
    node.simulator.iam({ granted: false });
    const missing = (await node.examine()).find(({ name }) => name === "policy-missing");
    expect(missing?.fix).toMatch(/`ALL \{instance\.compartment\.id = 'ocid1\.compartment\.oc1\.\.\w+'\}`/);
  });

  test.for<[name: DiagnosisName, breaks: Break, advice: string]>([
    [
      "image-missing",
      ({ simulator }) => simulator.iam({ exists: false, repository: "acme/shop/web" }),
      "check repository and tag",
    ],
    ["image-look-alike", () => ({ image: "iad.ocir.oi/acme/web" }), "such as iad.ocir.io"],
    ["image-not-matched", withProvider('"*.ocir.io"', '"fra.ocir.io"'), "set matchImages"],
  ])("advises for %s what the image needs", async ([name, breaks, advice], { node }) => {
    const findings = await node.examine(((await breaks(node)) ?? {}) as Partial<DoctorOptions>);
    expect(findings.find((each) => each.name === name)?.fix).toContain(advice);
  });

  test("reports a foreign image as not ours, without a problem, and never connects to its host", async ({ node }) => {
    let connections = 0;
    const host = await serveOnPort(createServer().on("connection", () => connections++));
    node.plugin(responseScript({}));
    const findings = await node.examine({ image: `${host}/library/busybox:1` });
    expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(findings.find(({ name }) => name === "image-foreign")?.evidence).toBe(`registry host ${host}`);
    expect(connections).toBe(0);
  });

  test.for([
    ["quay.io/acme/web", "quay.io"],
    ["localhost/web", "localhost"],
  ])("reports %s as an image of %s", async ([image, host], { node }) => {
    const findings = await node.examine({ image });
    expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(findings.find(({ name }) => name === "image-foreign")?.evidence).toBe(`registry host ${host}`);
  });

  test("reports Oracle's public images as readable without a request", async ({ node }) => {
    const findings = await node.examine({ image: "iad.ocir.io/axoxdievda5j/oke-public-pause:3" });
    expect(namesOf(findings)).toContain("access-public");
    expect(node.simulator.requests()["registry.manifest"]).toBe(0);
  });

  test.for<[what: string, fault: object]>([
    ["breaks", { endpoint: "registry.manifest", reset: "before-headers" }],
    ["fails", { endpoint: "registry.manifest", status: 503 }],
  ])("reports the permission as unclear when the registry %s", async ([, fault], { node }) => {
    node.simulator.faults(fault as Parameters<typeof node.simulator.faults>[0]);
    const findings = await node.examine();
    expect(namesOf(findings.filter(({ verdict }) => verdict !== "ok"))).toEqual(["access-unclear"]);
    expect(node.simulator.requests()["registry.manifest"]).toBe(1);
  });

  test.for<[name: DiagnosisName, breaks: Break]>([
    ["kubelet-flags-missing", withoutFlags],
    ["kubelet-not-restarted", all(withUnitFlags(KUBELET_FLAGS.join(" ")), without(CONFIG))],
    [
      "kubelet-not-restarted",
      all(withUnitFlags(KUBELET_FLAGS.join(" ")), sinceBoot, (node) =>
        node.write("/proc/4242/environ", `KUBELET_EXTRA_ARGS=${KUBELET_FLAGS.join(" ")}\0`),
      ),
    ],
    [
      "kubelet-not-restarted",
      all(withUnitFlags(String(KUBELET_FLAGS[0])), (node) => node.kubelet(...KUBELET_FLAGS), sinceBoot),
    ],
    ["kubelet-config-provider-missing", withProvider("credential-provider-oke", "kubelet")],
  ])("points from %s to the installed command", async ([name, breaks], { node }) => {
    node.write("/usr/libexec/ocir-broker/current/ocir-broker", "", 0o755);
    await breaks(node);
    const found = (await node.examine()).find((each) => each.name === name);
    expect(found?.fix).toMatch(/(?:^|[ :])ocir-broker node connect;/);
    expect(found?.fix).not.toContain("replace the node");
  });

  test.for<[unit: string, finding: DiagnosisName, breaks: Break, text: string]>([
    ["oke.service", "kubelet-flags-missing", withoutFlags, "use the node script"],
    ["oke-init.service", "kubelet-not-running", withoutKubelet, "journalctl -u oke-init.service"],
  ])("names %s of the image in %s", async ([unit, name, breaks, text], { node }) => {
    node.write(`/usr/lib/systemd/system/${unit}`, "[Service]\nExecStart=/usr/bin/oke bootstrap $OKE_EXTRA_ARGS\n");
    await breaks(node);
    const { evidence, fix } = (await node.examine()).find((each) => each.name === name) ?? {};
    expect(evidence).toContain(`${unit} bootstraps this node`);
    expect(`${evidence}; ${fix}`).toContain(text);
  });

  test("names a person's own file in the advice for an invalid configuration", async ({ node }) => {
    const own = { isNode: false, configPath: "/home/me/config.yaml", configError: "it is not valid" };
    const found = (await node.examine(own)).find(({ name }) => name === "broker-config-invalid");
    expect(found?.fix).toMatch(/^run ocir-broker config check \/home\/me\/config\.yaml, which/);
  });

  test("finds cloud-init's equals sign when the script has several parts", async ({ node }) => {
    node.kubelet("--v=2");
    node.write("/var/lib/cloud/instance/scripts/part-001", "oke-init.sh --kubelet-extra-args='--v=4'\n");
    node.write("/usr/libexec/ocir-broker/current/ocir-broker", "", 0o755);
    const findings = await node.examine();
    expect(problems(findings)).toEqual(["kubelet-extra-args-swallowed"]);
    const found = findings.find(({ name }) => name === "kubelet-extra-args-swallowed");
    expect(found?.fix).toMatch(
      /^on this node: ocir-broker node connect.*For new nodes: write a space .*replace the node, because/,
    );
  });

  test("accepts SELinux labels that are correct or cannot be read", async ({ node }) => {
    node.write("/sys/fs/selinux/enforce", "1");
    expect(problems(await node.examine())).toEqual([]);
  });

  test("names the signal that killed the plugin", async ({ node }) => {
    node.plugin("kill -9 $$");
    const findings = await node.examine();
    expect(findings.find(({ name }) => name === "plugin-failed")?.evidence).toMatch(
      /exit status SIGKILL, 0 characters/,
    );
  });

  test("passes the plugin its arguments and environment, and prints neither", async ({ node }) => {
    node.providers(`${OUR_PROVIDER}\n    args: [--canary-argument]\n    env: [{name: WORD, value: canary-value}]`);
    node.plugin('echo "$1 $WORD" > "$(dirname "$0")/seen"; echo "$WORD: no" >&2; exit 1');
    const findings = await node.examine();
    expect(JSON.stringify(findings)).not.toContain("canary");
    expect(readFileSync(join(node.root, "/usr/local/bin/seen"), "utf8")).toBe("--canary-argument canary-value\n");
  });

  test("reports a check that throws and a check that times out as findings", async ({ node }) => {
    const failing = await node.examine({ runProgram: () => Promise.reject(new RangeError("canary")) });
    expect(failing.find(({ name }) => name === "check-failed")?.evidence).toMatch(/^kubelet.*: RangeError$/);
    expect(JSON.stringify(failing)).not.toContain("canary");
    const slow = await node.examine({ limitMs: 0, runProgram: () => new Promise(() => {}) });
    expect(slow.find(({ name }) => name === "out-of-time")?.evidence).toMatch(/^kubelet/);
  });
});
