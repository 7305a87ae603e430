import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { configSchema } from "@ocir-broker/config/schema";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { createSystemClock } from "@ocir-broker/foundation/time/clock";
import { sharedSimulator } from "@ocir-broker/oci-simulator/for-tests";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { beforeEach, describe, expect, it } from "vitest";
import { createClusterConnection } from "./cluster.ts";

const { signal } = new AbortController();
const simulator = await sharedSimulator({ tls: true });
const CA = simulator.clusterCaCertificate;
const CA_FILE = join(temporaryFolder(), "cluster-ca.crt");
writeFileSync(CA_FILE, CA);
const CA_DATA = { "certificate-authority-data": Buffer.from(CA).toString("base64") };
let folder: string;

beforeEach(() => {
  folder = temporaryFolder();
});

function clusterOf(serviceAccounts: object = {}) {
  const kubeconfig = join(folder, "kubelet.conf");
  const config = configSchema.parse({ serviceAccounts: { kubeconfig, ...serviceAccounts } });
  const files = { apiServer: join(folder, "oke-apiserver"), ca: join(folder, "ca.crt") };
  return createClusterConnection({ config, clock: createSystemClock(), files });
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function writeKubeconfig(ca: object, server = simulator.clusterUrl.origin): void {
  const cluster = { server, ...ca };
  const config = {
    clusters: [
      { name: "other", cluster: { server: "https://other.test" } },
      { name: "here", cluster },
    ],
    contexts: [
      { name: "earlier", context: { cluster: "other", user: "admin" } },
      { name: "node", context: { cluster: "here", user: "kubelet" } },
    ],
    "current-context": "node",
  };
  write("kubelet.conf", JSON.stringify(config));
}

/** The status of a response, or the error's code. */
async function ask(cluster: ReturnType<typeof clusterOf>): Promise<number | string> {
  try {
    const url = new URL("/openid/v1/jwks", cluster.apiServer());
    return (await cluster.send({ method: "GET", url, headers: {}, signal })).status;
  } catch (error) {
    return codeOf(error);
  } finally {
    await cluster.close();
  }
}

describe("createClusterConnection", () => {
  it.each<[string, ca: object, files: Readonly<Record<string, string>>]>([
    ["data in the kubeconfig", CA_DATA, {}],
    ["a file beside the kubeconfig", { "certificate-authority": "own.crt" }, { "own.crt": CA }],
    ["a file elsewhere", { "certificate-authority": CA_FILE }, {}],
    ["ca.crt if the kubeconfig has none", {}, { "ca.crt": CA }],
  ])("reaches the cluster of the kubeconfig's context, with its CA from %s", async (_name, ca, files) => {
    for (const [name, text] of Object.entries(files)) write(name, text);
    writeKubeconfig(ca);
    expect(await ask(clusterOf())).toBe(401);
  });

  it("prefers the address and CA of the configuration", async () => {
    writeKubeconfig({}, "https://127.0.0.1:1");
    const caFile = write("cluster.crt", CA);
    expect(await ask(clusterOf({ apiServer: simulator.clusterUrl.origin, caFile }))).toBe(401);
  });

  it.each(["kubelet.conf", "oke-apiserver", "ca.crt"])("does not wait for a pipe in the place of %s", async (name) => {
    execFileSync("mkfifo", [join(folder, name)]);
    expect(await ask(clusterOf())).toBe("cluster-unknown");
  });

  it.each([
    [{ apiServer: "https://10.0.0.6", caFile: "/none/ca.crt" }, /^\/none\/ca\.crt: /],
    [{ apiServer: "https://10.0.0.6" }, /^authority in .*kubelet\.conf or .*ca\.crt: /],
    [{ caFile: "/none/ca.crt" }, /^API server in .*kubelet\.conf or .*oke-apiserver: /],
  ])("names the files of which one must exist with %j", (settings, message) => {
    expect(() => clusterOf(settings).apiServer()).toThrow(message);
  });

  it("trusts only the cluster's CA", async () => {
    const caFile = write("region.crt", simulator.caCertificate ?? "");
    expect(await ask(clusterOf({ apiServer: simulator.clusterUrl.origin, caFile }))).toBe("tls");
  });

  it("uses port 12250 of the API server's host for the token exchange unless another is configured", async () => {
    write("ca.crt", CA);
    write("oke-apiserver", "10.0.0.6\n");
    const found = clusterOf();
    expect([found.apiServer().href, found.endpoint().href]).toEqual([
      "https://10.0.0.6:6443/",
      "https://10.0.0.6:12250/",
    ]);
    expect(clusterOf({ endpoint: "https://[fd00::1]:1234" }).endpoint().href).toBe("https://[fd00::1]:1234/");
  });

  it.each<[string, () => void]>([
    ["there is no file", () => {}],
    ["the kubeconfig is not YAML", () => void write("kubelet.conf", "{")],
    ["the kubeconfig has no cluster", () => void write("kubelet.conf", "clusters: []")],
    ["the kubeconfig is a folder", () => void mkdirSync(join(folder, "kubelet.conf"))],
    ["the authority is not a certificate", () => writeKubeconfig({ "certificate-authority-data": "eA==" })],
    ["the server is plain http", () => writeKubeconfig(CA_DATA, "http://127.0.0.1")],
  ])("finds no cluster if %s, and finds it once the files are valid", async (_name, make) => {
    make();
    const cluster = clusterOf();
    expect(() => cluster.apiServer()).toThrow(expect.objectContaining({ code: "cluster-unknown" }));
    rmSync(join(folder, "kubelet.conf"), { force: true, recursive: true });
    write("ca.crt", CA);
    write("oke-apiserver", simulator.clusterUrl.host);
    expect(await ask(cluster)).toBe(401);
  });
});
