import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { expect, it } from "vitest";
import { podAccess } from "./api-server.ts";

function podRoot(): string {
  const root = temporaryFolder();
  const folder = join(root, "var/run/secrets/kubernetes.io/serviceaccount");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "ca.crt"), "PEM");
  writeFileSync(join(folder, "token"), "first\n");
  return root;
}

it.each([
  [{ KUBERNETES_SERVICE_HOST: "10.96.0.1" }, "https://10.96.0.1/"],
  [{ KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "6443" }, "https://10.96.0.1:6443/"],
  [{ KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" }, "https://[fd00::1]:6443/"],
])("podAccess reads %j", (environment, url) => {
  const access = podAccess(environment, podRoot());
  expect([access.url.href, access.caCertificate, access.token()]).toEqual([url, "PEM", "first"]);
});

it("podAccess reads the token again for each request, because the kubelet replaces it", () => {
  const root = podRoot();
  const access = podAccess({ KUBERNETES_SERVICE_HOST: "10.96.0.1" }, root);
  writeFileSync(join(root, "var/run/secrets/kubernetes.io/serviceaccount/token"), "second\n");
  expect(access.token()).toBe("second");
});

it("podAccess fails outside a cluster", () => {
  expect(() => podAccess({}, podRoot())).toThrow(TypeError);
});
