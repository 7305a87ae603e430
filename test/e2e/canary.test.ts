import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { identityLines } from "@ocir-broker/oci-simulator/for-tests";
import { expect, it } from "vitest";
import { responseOf, setStage } from "./stage.ts";

it("no token, key, certificate or signature appears in log, metrics, status, errors or the process list", async () => {
  const { simulator, daemon, config, call } = await setStage({
    daemon: { logLevel: "trace", deadline: "2s", serviceAccounts: {} },
  });
  const seen: string[] = [];
  const secrets = [...(await identityLines(simulator)), "Signature version=", "ST$"];
  const pull = async (image: string, serviceAccountToken?: string): Promise<void> => {
    const result = await call(image, serviceAccountToken);
    seen.push(result.stderr);
    if (result.exitCode !== 0) return;
    const passwords = Object.values(responseOf(result).auth).map(({ password }) => password);
    secrets.push(...passwords.filter((password) => password !== "").flatMap(partsOf));
  };
  const curl = (socket: string, path: string, ...args: string[]): string =>
    execFileSync("curl", ["-s", "--unix-socket", socket, ...args, `http://localhost${path}`], { encoding: "utf8" });

  await pull("icn.ocir.io/acme/shop/web");
  simulator.iam({ granted: false, repository: "acme/forbidden" });
  await pull("icn.ocir.io/acme/forbidden");
  await pull("icn.ocir.io/acme/forbidden");
  for (const fault of [{ status: 401 }, { html: true }, { wrongShape: true }, { truncate: true }, { status: 429 }]) {
    simulator.faults({ endpoint: "registry.token", ...fault }, { endpoint: "auth.x509", ...fault });
    await pull("us-ashburn-1.ocir.io/acme/shop/web");
    simulator.clearFaults();
  }
  for (const status of [200, 401, 403, 500]) {
    const token = await simulator.serviceAccountToken({ namespace: "shop", serviceAccount: `puller-${status}` });
    secrets.push(...partsOf(token));
    if (status !== 200) simulator.faults({ endpoint: "cluster.tokenExchange", status });
    await pull("icn.ocir.io/acme/shop/web", token);
    simulator.clearFaults();
  }
  await pull("not an image");
  seen.push(curl(config.credentialsSocket, "/v1/credentials", "-d", "{broken"));
  for (const path of ["/livez", "/readyz", "/healthz", "/status", "/metrics"]) {
    seen.push(curl(config.healthSocket, path));
  }
  for (const file of ["cmdline", "environ"]) seen.push(readFileSync(`/proc/${daemon.pid}/${file}`, "utf8"));
  await daemon.stop();
  seen.push(daemon.output());

  const text = seen.join("\n");
  expect(text).toContain('"level":"debug"');
  expect(secrets.length).toBeGreaterThan(20);
  expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
});

/** All JWTs share their header, so only claims and signature identify one. */
function partsOf(token: string): string[] {
  return token.split(".").slice(1);
}
