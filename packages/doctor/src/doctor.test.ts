/** Seeded faults: one thing of a healthy node is broken, and doctor names it. */
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { test as base, describe, expect, onTestFinished } from "vitest";
import type { DiagnosisName } from "./diagnoses.ts";
import type { Finding } from "./finding.ts";
import type { ProgramResult, ProgramRun } from "./program-run.ts";
import type { DoctorOptions } from "./settings.ts";
import {
  answerScript,
  answerStatus,
  createSharedCloud,
  createSickNode,
  credentials,
  KUBELET_FLAGS,
  listen,
  OUR_PROVIDER,
  PLUGIN,
  type SharedCloud,
  type SickNode,
} from "./sick-node.ts";

const test = base.extend<{ cloud: SharedCloud; node: SickNode }>({
  cloud: [
    // biome-ignore lint/correctness/noEmptyPattern: the runner reads the names of the fixtures from the pattern
    async ({}, use) => {
      const cloud = await createSharedCloud();
      await use(cloud);
      await cloud.simulator.close();
    },
    { scope: "file" },
  ],
  node: async ({ cloud }, use) => {
    await using node = await createSickNode(cloud);
    await use(node);
  },
});

/** What it returns are options for doctor, where the fault lies in them. */
type Break = (node: SickNode) => unknown;

interface SeededFault {
  readonly fault: string;
  readonly breaks: Break;
  readonly named: DiagnosisName;
  /** What else the same fault shows as. */
  readonly also?: readonly DiagnosisName[];
}

function problems(findings: readonly Finding[]): DiagnosisName[] {
  return findings.filter(({ verdict }) => verdict === "problem" || verdict === "warning").map(({ name }) => name);
}

const withSettings = (node: SickNode, changed: Partial<SickNode["settings"]>): Partial<DoctorOptions> => ({
  settings: { ...node.settings, ...changed },
});

const CLOUD: readonly SeededFault[] = [
  {
    fault: "nothing listens at the metadata service's address",
    breaks: (node) => withSettings(node, { metadataBaseUrls: [new URL("http://127.0.0.1:1/opc/v2")] }),
    named: "metadata-unreachable",
  },
  {
    fault: "the metadata service throttles",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.*", status: 429, times: 1 }),
    named: "metadata-throttled",
  },
  {
    fault: "the metadata service has a fault",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.regionInfo", status: 503, times: 1 }),
    named: "metadata-unavailable",
  },
  {
    fault: "a web page stands in the metadata service's place",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.regionInfo", html: true, times: 1 }),
    named: "metadata-invalid",
  },
  {
    fault: "a proxy in the way adds Forwarded headers",
    breaks: async (node) =>
      withSettings(node, {
        metadataBaseUrls: [
          await proxyTo(node.simulator.metadataUrl, (headers) => ({ ...headers, "x-forwarded-for": "10.0.0.2" })),
        ],
      }),
    named: "metadata-proxied",
  },
  {
    fault: "there is only version 1 of the metadata service",
    breaks: async (node) => withSettings(node, { metadataBaseUrls: [await serverOf(404)] }),
    named: "metadata-v2-missing",
  },
  {
    fault: "the instance has no certificate yet",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.cert", status: 404 }),
    named: "identity-not-ready",
  },
  {
    fault: "the certificate has ended",
    breaks: ({ clock }) => clock.moveWall(13 * 3_600_000),
    named: "certificate-expired",
  },
  {
    fault: "certificate and key do not belong together",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.key", mismatch: true }),
    named: "certificate-mismatch",
  },
  {
    fault: "the intermediate is another one's",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "metadata.intermediate", mismatch: true }),
    named: "certificate-chain",
    also: ["federation-unauthorized"],
  },
  {
    fault: "this node's clock is ten minutes ahead",
    breaks: (node) => ({ clock: { ...node.clock, wallMs: () => node.clock.wallMs() + 600_000 } }),
    named: "clock-skew",
  },
  {
    fault: "this node's clock is two minutes behind",
    breaks: (node) => ({ clock: { ...node.clock, wallMs: () => node.clock.wallMs() - 120_000 } }),
    named: "clock-drift",
  },
  {
    fault: "the auth service refuses the instance",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 400 }),
    named: "federation-refused",
  },
  {
    fault: "the auth service does not accept the certificate",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 401 }),
    named: "federation-unauthorized",
  },
  {
    fault: "the auth service throttles",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 429 }),
    named: "federation-throttled",
  },
  {
    fault: "the auth service answers something else",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "auth.x509", wrongShape: true }),
    named: "federation-invalid",
  },
  {
    fault: "the auth service's name does not resolve",
    breaks: (node) => withSettings(node, { authUrl: new URL("https://auth.invalid") }),
    named: "dns-failed",
    also: ["federation-unreachable"],
  },
  {
    fault: "the auth service's port is closed",
    breaks: (node) => withSettings(node, { authUrl: new URL("http://127.0.0.1:1") }),
    named: "tcp-refused",
    also: ["federation-unreachable"],
  },
  {
    fault: "packets to the registry are dropped",
    breaks: () => ({ network: { resolve: async () => ["192.0.2.1"], connect: async () => "timeout" } }),
    named: "tcp-timeout",
  },
  {
    fault: "the node has no route",
    breaks: () => ({ network: { resolve: async () => ["192.0.2.1"], connect: async () => "ENETUNREACH" } }),
    named: "network-unreachable",
  },
  {
    fault: "the registry's name resolves, and its port is closed",
    breaks: (node) => withSettings(node, { endpoints: { "iad.ocir.io": "http://127.0.0.1:1" } }),
    named: "registry-unreachable",
    also: ["tcp-refused"],
  },
  {
    fault: "a proxy strips the Authorization header",
    breaks: async (node) => {
      const stripped = await proxyTo(node.simulator.registryUrl, ({ authorization: _, ...headers }) => headers);
      return withSettings(node, { endpoints: { "iad.ocir.io": stripped.origin } });
    },
    named: "token-anonymous",
  },
  {
    fault: "the registry throttles",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "registry.token", status: 429 }),
    named: "registry-throttled",
  },
  {
    fault: "the registry does not let the instance in",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "registry.token", status: 404 }),
    named: "registry-forbidden",
  },
  {
    fault: "the registry breaks the connection",
    breaks: ({ simulator }) => simulator.faults({ endpoint: "registry.token", reset: "before-headers" }),
    named: "connection-broken",
  },
  {
    fault: "there is no policy",
    breaks: ({ simulator }) => simulator.iam({ granted: false }),
    named: "policy-missing",
  },
  {
    fault: "the dynamic group came after the broker's token was made",
    breaks: async (node) => {
      node.simulator.iam({ dynamicGroup: false });
      node.plugin(answerScript(credentials(await node.token())));
      node.simulator.iam({ dynamicGroup: true });
    },
    named: "token-outdated",
  },
  {
    fault: "there is no such image",
    breaks: ({ simulator }) => simulator.iam({ repository: "acme/shop/web", exists: false }),
    named: "image-missing",
  },
  {
    fault: "the image's name cannot be read",
    breaks: () => ({ image: "iad.ocir.io/acme/Shop Web" }),
    named: "image-invalid",
  },
  {
    fault: "the image is in somebody else's registry",
    breaks: () => ({ image: "ghcr.io/acme/shop/web:latest" }),
    named: "image-foreign",
  },
];

const NODE: readonly SeededFault[] = [
  {
    fault: "the broker's configuration is not valid",
    breaks: () => ({ configFault: "/etc/ocir-broker/config.yaml is not valid" }),
    named: "broker-config-invalid",
  },
  {
    fault: "the credentials socket is not there",
    breaks: (node) => node.remove("/run/ocir-broker/credentials.sock"),
    named: "socket-missing",
  },
  {
    fault: "a file stands in the socket's place",
    breaks: (node) => node.write("/run/ocir-broker/credentials.sock", ""),
    named: "socket-not-socket",
  },
  {
    fault: "everyone may ask for tokens",
    breaks: ({ root }) => chmodSync(join(root, "/run/ocir-broker/credentials.sock"), 0o666),
    named: "socket-mode",
  },
  { fault: "somebody else owns the socket", breaks: () => ({ ownerId: 4_711 }), named: "socket-owner" },
  {
    fault: "everyone may replace the socket",
    breaks: ({ root }) => chmodSync(join(root, "/run/ocir-broker"), 0o777),
    named: "socket-directory",
  },
  {
    fault: "the daemon does not run",
    breaks: (node) => node.remove("/run/ocir-broker/health.sock"),
    named: "daemon-down",
  },
  {
    fault: "the daemon closes every connection",
    breaks: async ({ root }) => {
      rmSync(join(root, "/run/ocir-broker/health.sock"));
      const server = createTcpServer((socket) => socket.destroy());
      await new Promise<void>((resolve) => server.listen(join(root, "/run/ocir-broker/health.sock"), resolve));
      onTestFinished(() => void server.close());
    },
    named: "daemon-stuck",
  },
  {
    fault: "the daemon is of another release",
    breaks: withStatus({ version: "1.0.0" }),
    named: "daemon-version",
  },
  { fault: "the daemon has no token yet", breaks: withStatus({ status: "starting" }), named: "daemon-starting" },
  {
    fault: "the daemon's renewals fail",
    breaks: withStatus({
      status: "degraded",
      registries: { "iad.ocir.io": { lastFailure: "registry-throttled", failuresInARow: 3 } },
    }),
    named: "daemon-degraded",
  },
  { fault: "no kubelet runs", breaks: (node) => node.remove("/proc/4242"), named: "kubelet-not-running" },
  {
    fault: "the kubelet cannot start, because of its provider configuration",
    breaks: (node) => {
      node.remove("/proc/4242");
      node.write("/etc/default/kubelet", `KUBELET_EXTRA_ARGS="--v=2 ${KUBELET_FLAGS.join(" ")}"\n`);
      node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`);
    },
    named: "kubelet-config-field-unknown",
    also: ["kubelet-not-running"],
  },
  { fault: "the kubelet has no flags", breaks: (node) => node.kubelet("--v=2"), named: "kubelet-flags-missing" },
  {
    fault: "the kubelet has only one of the flags",
    breaks: (node) => node.kubelet(String(KUBELET_FLAGS[0])),
    named: "kubelet-flags-incomplete",
  },
  {
    fault: "cloud-init passes the flags with an equals sign",
    breaks: (node) => {
      node.kubelet("--v=2");
      node.write(
        "/var/lib/cloud/instance/user-data.txt",
        `#!/bin/bash\nbash /var/run/oke-init.sh --kubelet-extra-args="${KUBELET_FLAGS.join(" ")}"\n`,
      );
    },
    named: "kubelet-extra-args-swallowed",
  },
  {
    fault: "the kubelet was not restarted",
    breaks: (node) => {
      node.kubelet("--v=2");
      node.write(
        "/etc/systemd/system/kubelet.service.d/kubelet-extra-args.conf",
        `[Service]\nEnvironment=KUBELET_EXTRA_ARGS="${KUBELET_FLAGS.join(" ")}"\n`,
      );
    },
    named: "kubelet-not-restarted",
  },
  {
    fault: "the kubelet does not tell its version",
    breaks: (node) => node.remove("/usr/bin/kubelet"),
    named: "kubelet-version-unknown",
  },
  {
    fault: "the provider configuration is missing",
    breaks: (node) => node.remove("/etc/kubernetes/credential-provider-config.yaml"),
    named: "kubelet-config-missing",
  },
  {
    fault: "the provider configuration has a field that 1.32 and later refuse",
    breaks: (node) => node.providers(`${OUR_PROVIDER}\n    cacheKeyType: Registry`),
    named: "kubelet-config-field-unknown",
  },
  {
    fault: "matchImages lacks a host form",
    breaks: (node) => node.providers(OUR_PROVIDER.replace(', "ocir.*.oci.*.*"', "")),
    named: "kubelet-config-host-form-missing",
  },
  {
    fault: "matchImages has a glob in the path",
    breaks: (node) => node.providers(OUR_PROVIDER.replace('"*.ocir.io"', '"*.ocir.io/*"')),
    named: "kubelet-config-match-image-path-glob",
    also: ["image-not-matched"],
  },
  {
    fault: "matchImages has a port",
    breaks: (node) => node.providers(OUR_PROVIDER.replace('"*.ocir.io"', '"*.ocir.io:443"')),
    named: "image-not-matched",
    also: ["kubelet-config-match-image-port"],
  },
  {
    fault: "our provider is not in the configuration",
    breaks: (node) => node.providers(OUR_PROVIDER.replace("credential-provider-oke", "kubelet")),
    named: "kubelet-config-provider-missing",
    also: ["kubelet-config-provider-executable-missing", "image-not-matched"],
  },
  {
    fault: "another provider is asked first",
    breaks: (node) => {
      node.write("/usr/local/bin/acr", "#!/bin/sh\n", 0o755);
      node.providers(OUR_PROVIDER.replace("credential-provider-oke", "acr"), OUR_PROVIDER);
    },
    named: "other-plugin-first",
    also: ["kubelet-config-provider-overlap"],
  },
  {
    fault: "the plugin is not there",
    breaks: (node) => node.remove(PLUGIN),
    named: "plugin-missing",
    also: ["kubelet-config-provider-executable-missing"],
  },
  {
    fault: "the plugin is not executable",
    breaks: ({ root }) => chmodSync(join(root, PLUGIN), 0o644),
    named: "plugin-not-executable",
    also: ["kubelet-config-provider-executable-missing"],
  },
  {
    fault: "the plugin's interpreter is not there",
    breaks: (node) => node.write(PLUGIN, "#!/no/such/program\n", 0o755),
    named: "plugin-not-executable",
    also: ["plugin-failed"],
  },
  {
    fault: "the plugin is Oracle's own",
    breaks: (node) => node.write(PLUGIN, "#!/bin/sh\necho v0.1.1\n", 0o755),
    named: "plugin-foreign",
    also: ["plugin-answer-garbage"],
  },
  {
    fault: "the plugin is of another release",
    breaks: (node) => node.plugin(answerScript(credentials("")), "0.9.0"),
    named: "plugin-version",
  },
  {
    fault: "the plugin says nothing",
    breaks: (node) => node.plugin("cat > /dev/null"),
    named: "plugin-answer-empty",
  },
  {
    fault: "the plugin logs on stdout",
    breaks: (node) => node.plugin("cat > /dev/null; echo loading; echo '{}'"),
    named: "plugin-answer-garbage",
  },
  {
    fault: "the plugin's answer has a field too many",
    breaks: (node) => node.plugin(answerScript({}).replace('"auth"', '"serviceAccountTokenCacheType":"Token","auth"')),
    named: "plugin-answer-garbage",
  },
  {
    fault: "the plugin has no credentials",
    breaks: (node) => node.plugin(answerScript({})),
    named: "plugin-answer-anonymous",
  },
  {
    fault: "the plugin fails",
    breaks: (node) => node.plugin("echo 'ocir-broker: shim-no-daemon: no daemon; start it' >&2; exit 1"),
    named: "plugin-failed",
  },
  {
    fault: "the plugin hangs",
    breaks: () => ({
      runProgram: async ({ args, path }: ProgramRun): Promise<ProgramResult> =>
        path.endsWith("kubelet")
          ? { exitCode: 0, signal: null, stdout: "Kubernetes v1.33.1\n", stderr: "", elapsedMs: 1 }
          : args[0] === "--version"
            ? { exitCode: 0, signal: null, stdout: `credential-provider-oke 1.2.3\n`, stderr: "", elapsedMs: 1 }
            : { silent: true },
    }),
    named: "plugin-silent",
  },
  {
    fault: "SELinux would keep services out",
    breaks: withLabel("1"),
    named: "selinux-label",
    also: ["plugin-foreign", "plugin-answer-garbage"],
  },
  {
    fault: "SELinux is permissive",
    breaks: withLabel("0"),
    named: "selinux-label-permissive",
    also: ["plugin-foreign", "plugin-answer-garbage"],
  },
];

describe("diagnose", () => {
  test("finds nothing wrong with a healthy node", async ({ node }) => {
    const findings = await node.examine();
    expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    expect(findings.map(({ name }) => name)).toEqual([
      "broker-config-ok",
      "kubelet-config-ok",
      "image-match-ok",
      "plugin-ok",
      "selinux-ok",
      "kubelet-ok",
      "metadata-ok",
      "clock-ok",
      "network-ok",
      "network-ok",
      "certificate-ok",
      "session-ok",
      "token-ok",
      "access-ok",
      "socket-ok",
      "daemon-ok",
      "plugin-answer-ok",
    ]);
    const texts = findings.map(({ means }) => means);
    expect(texts).toEqual([...new Set(texts)]);
    expect(texts).toContain("the auth service can be reached");
    expect(findings.map(({ evidence }) => evidence).join()).not.toMatch(/\.000Z|instance certificate/);
  });

  test.for([...CLOUD, ...NODE])("names it when $fault: $named", async ({ breaks, named, also = [] }, { node }) => {
    const findings = await node.examine(((await breaks(node)) ?? {}) as Partial<DoctorOptions>);
    expect(new Set(problems(findings))).toEqual(new Set([named, ...also]));
    expect(findings.map(({ name }) => name)).not.toContain("check-failed");
    const found = findings.find(({ name }) => name === named);
    expect(found?.evidence).not.toBe("");
    if (named !== "kubelet-version-unknown") expect(found?.fix).toMatch(/\w/);
  });
});

describe("diagnose, besides", () => {
  const notLookedAt = (what: string): string => `${what} was not looked at, because of metadata-unreachable`;
  const namesOf = (findings: readonly Finding[]): DiagnosisName[] => findings.map(({ name }) => name);

  test("asks for the home region's registry where no image is given, and for no permission", async ({ node }) => {
    const findings = await node.examine({ image: undefined });
    expect(namesOf(findings)).toContain("token-ok");
    expect(namesOf(findings)).not.toContain("access-ok");
    expect(findings.find(({ name }) => name === "plugin-answer-ok")?.evidence).toContain("for 2 entries of auth");
  });

  test("asks the metadata service over IPv6 and IPv4, and is content with the one that answers", async ({ node }) => {
    const metadataBaseUrls = [new URL("http://[::1]:1/opc/v2"), ...node.settings.metadataBaseUrls];
    const findings = await node.examine({ settings: { ...node.settings, metadataBaseUrls } });
    expect(findings.filter(({ verdict }) => verdict !== "ok")).toEqual([]);
    const seen = findings.find(({ name }) => name === "metadata-ok")?.evidence;
    expect(seen).toMatch(/^\[::1\]:1: \S+; 127\.0\.0\.1:\d+ answers with status 200$/);
  });

  test("says what it could not look at when not even the region is known", async ({ node }) => {
    const settings = { ...node.settings, authUrl: undefined, metadataBaseUrls: [new URL("http://127.0.0.1:1/opc/v2")] };
    const findings = await node.examine({ image: undefined, settings });
    expect(
      findings.filter(({ verdict }) => verdict === "unknown").map(({ means, evidence }) => [means, evidence]),
    ).toEqual([
      ["no service told the time", "no answer had a Date"],
      [notLookedAt("the network to the auth service"), "it needs the home region, which is part of the service's name"],
      [notLookedAt("the network to the registry"), "it needs an image or the home region, which name the host"],
      [notLookedAt("the identity"), "it needs the metadata service, which has the certificate"],
      [notLookedAt("the registry's token"), "it needs the home region, which names the registry"],
      [notLookedAt("the plugin's answer"), "it needs an image or the home region, which name the host to ask for"],
    ]);
  });

  test.for<[cause: string, breaks: (node: SickNode) => unknown, what: string]>([
    ["kubelet-flags-missing", (node) => node.kubelet("--v=2"), "the provider configuration"],
    ["kubelet-not-running", (node) => node.remove("/proc/4242"), "the provider configuration"],
    ["plugin-missing", (node) => node.remove("/usr/local/bin/credential-provider-oke"), "the plugin's answer"],
    ["image-invalid", () => ({ image: "A B" }), "the plugin's answer"],
    ["image-invalid", () => ({ image: "A B" }), "the network to the registry"],
    ["clock-skew", ({ clock }) => ({ clock: { ...clock, wallMs: () => clock.wallMs() - 600_000 } }), "the session"],
    [
      "federation-throttled",
      ({ simulator }) => simulator.faults({ endpoint: "auth.x509", status: 429 }),
      "the registry's token",
    ],
    ["metadata-proxied", ({ simulator }) => simulator.faults({ endpoint: "metadata.*", status: 403 }), "the identity"],
  ])("says that %s is why something was not looked at", async ([cause, breaks, what], { node }) => {
    const findings = await node.examine((breaks(node) ?? {}) as Partial<DoctorOptions>);
    expect(findings.map(({ means }) => means)).toContain(`${what} was not looked at, because of ${cause}`);
    expect(namesOf(findings)).toContain(cause);
  });

  test("makes the auth service's name of region and realm", async ({ node }) => {
    const asked: string[] = [];
    const network = {
      resolve: async (name: string) => {
        asked.push(name);
        return ["192.0.2.1"];
      },
      connect: async () => "open",
    };
    await node.examine({
      network,
      settings: { ...node.settings, authUrl: undefined, proxy: { https: "http://127.0.0.1:1" } },
    });
    expect(asked).toEqual(["127.0.0.1"]);
    const [found] = (
      await node.examine({
        network,
        settings: { ...node.settings, authUrl: undefined, proxy: { https: "http://127.0.0.1:1" } },
      })
    ).filter(({ name }) => name === "network-ok");
    expect(found).toMatchObject({
      means: "the auth service can be reached",
      evidence: "auth.us-ashburn-1.oraclecloud.com: through the proxy, not tried here",
    });
  });

  test("takes one of Oracle's public images for readable, and asks nobody", async ({ node }) => {
    const findings = await node.examine({ image: "iad.ocir.io/axoxdievda5j/oke-public-pause:3" });
    expect(namesOf(findings)).toContain("access-public");
    expect(node.simulator.requests()["registry.manifest"]).toBe(0);
  });

  test.for<[what: string, fault: object]>([
    ["breaks", { endpoint: "registry.manifest", reset: "before-headers" }],
    ["fails", { endpoint: "registry.manifest", status: 503 }],
  ])("cannot tell about permission when the registry %s", async ([, fault], { node }) => {
    node.simulator.faults(fault as Parameters<typeof node.simulator.faults>[0]);
    const findings = await node.examine();
    expect(findings.filter(({ verdict }) => verdict !== "ok").map(({ name }) => name)).toEqual(["access-unclear"]);
  });

  test("finds the kubelet's flags in their form with a space, the last of them", async ({ node }) => {
    const [config = "", folder = ""] = KUBELET_FLAGS.map((flag) => flag.split("=")[1]);
    node.kubelet(
      ...["--image-credential-provider-config", "/no/such/file", "--image-credential-provider-config", config],
      ...["--image-credential-provider-bin-dir", folder],
    );
    expect(namesOf(await node.examine())).toContain("kubelet-ok");
  });

  test("finds the kubelet's flags with underscores, which a kubelet takes for dashes", async ({ node }) => {
    node.kubelet(...KUBELET_FLAGS.map((flag) => flag.replace(/(?<=\w)-(?=[\w-]*=)/g, "_")));
    expect(namesOf(await node.examine())).toContain("kubelet-ok");
  });

  test("takes a flag in a comment of the unit for none", async ({ node }) => {
    node.kubelet("--v=2");
    node.write("/etc/default/kubelet", `# KUBELET_EXTRA_ARGS="${KUBELET_FLAGS.join(" ")}"\n`);
    expect(problems(await node.examine())).toEqual(["kubelet-flags-missing"]);
  });

  test("takes an empty flag for none", async ({ node }) => {
    node.kubelet("--image-credential-provider-config=", String(KUBELET_FLAGS[1]));
    expect(problems(await node.examine())).toEqual(["kubelet-flags-incomplete"]);
  });

  test("finds cloud-init's equals sign in a script of several parts", async ({ node }) => {
    node.kubelet("--v=2");
    node.write("/var/lib/cloud/instance/scripts/part-001", "oke-init.sh --kubelet-extra-args='--v=4'\n");
    expect(problems(await node.examine())).toEqual(["kubelet-extra-args-swallowed"]);
  });

  test("says nothing against labels that it cannot see, or that are right", async ({ node }) => {
    node.write("/sys/fs/selinux/enforce", "1");
    expect(problems(await node.examine())).toEqual([]);
  });

  test("takes an answer of another version, and a program that is killed, for what they are", async ({ node }) => {
    node.providers(
      OUR_PROVIDER.replace("credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1beta1"),
    );
    expect(problems(await node.examine())).toEqual(["plugin-answer-garbage"]);
    node.plugin("kill -9 $$");
    const findings = await node.examine();
    expect(findings.find(({ name }) => name === "plugin-failed")?.evidence).toMatch(
      /exit status SIGKILL, 0 characters/,
    );
  });

  test("gives the plugin its arguments and environment, and prints neither", async ({ node }) => {
    node.providers(`${OUR_PROVIDER}\n    args: [--canary-argument]\n    env: [{name: WORD, value: canary-value}]`);
    node.plugin('echo "$1 $WORD" > "$(dirname "$0")/seen"; echo "$WORD: no" >&2; exit 1');
    const findings = await node.examine();
    expect(JSON.stringify(findings)).not.toContain("canary");
    expect(readFileSync(join(node.root, "/usr/local/bin/seen"), "utf8")).toBe("--canary-argument canary-value\n");
  });

  test("does not know the status of a daemon of another time", async ({ node }) => {
    for (const body of ["{}", "<html>"]) {
      const server = await listen(node.root, node.settings.healthSocket, () => body);
      onTestFinished(() => void server.close());
      expect(problems(await node.examine())).toEqual(["daemon-version"]);
    }
  });

  test("makes findings of a check that fails and of one that takes too long", async ({ node }) => {
    const failing = await node.examine({ runProgram: () => Promise.reject(new RangeError("canary")) });
    expect(failing.find(({ name }) => name === "check-failed")?.evidence).toMatch(/^kubelet.*: RangeError$/);
    expect(JSON.stringify(failing)).not.toContain("canary");
    const slow = await node.examine({ limitMs: 0, runProgram: () => new Promise(() => {}) });
    expect(slow.find(({ name }) => name === "out-of-time")?.evidence).toMatch(/^kubelet/);
  });
});

function withStatus(changed: object): Break {
  return async ({ root, settings }) => {
    const server = await listen(root, settings.healthSocket, answerStatus(changed));
    onTestFinished(() => void server.close());
  };
}

/** Labels need a file system and a policy that know them, so the program that shows them is a stand-in. */
function withLabel(enforce: string): Break {
  return (node) => {
    node.write("/sys/fs/selinux/enforce", enforce);
    return {
      runProgram: async ({ path }: ProgramRun): Promise<ProgramResult> => {
        const stdout = path === "stat" ? "unconfined_u:object_r:user_tmp_t:s0\n" : "Kubernetes v1.33.1\n";
        return { exitCode: 0, signal: null, stdout, stderr: "", elapsedMs: 1 };
      },
    };
  };
}

async function serverOf(status: number): Promise<URL> {
  const server = createServer((_request, response) => response.writeHead(status).end());
  return new URL("/opc/v2", await origin(server));
}

/** A proxy in the way: what comes goes on with other headers. */
async function proxyTo(target: URL, change: (headers: IncomingHttpHeaders) => IncomingHttpHeaders): Promise<URL> {
  const server = createServer((incoming, response) => {
    const { method, headers } = incoming;
    const url = new URL(incoming.url ?? "/", target);
    incoming.pipe(
      request(url, { method, headers: change(headers) }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  return new URL(target.pathname, await origin(server));
}

async function origin(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
