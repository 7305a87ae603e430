/**
 * An attack of the owner of a namespace on the controller of pull secrets. It runs inside the node.
 *
 * usage: attack.ts KIND SECONDS
 */
import { setTimeout as sleep } from "node:timers/promises";
import { forEach, send } from "./node-requests.ts";
import { FIELD_MANAGER, LABELS, NAME, pullSecret, resourcesPath, secretPath } from "./pull-secret-objects.ts";

const [kind = "", seconds = "0"] = process.argv.slice(2);
const endsAtMs = performance.now() + Number(seconds) * 1_000;
const isOver = () => performance.now() > endsAtMs;
/** The API server refuses 262 144 bytes of annotations, and a Secret of more than a mebibyte. */
const LARGE_ANNOTATION = "x".repeat(250_000);
const LARGE_LOGINS = `{"auths":{${Array.from({ length: 105_000 }, (_, index) => `"${index.toString(36)}":{}`)}}}`;

const ATTACKS: Readonly<Record<string, () => Promise<unknown>>> = {
  "320 large resources": () => createResources("large", 320, { annotations: { large: LARGE_ANNOTATION } }),
  "two large Secrets": attackWithSecrets,
  "resources of unlisted names": () => createResources("unlisted", 50_000, {}),
};

async function createResources(namespace: string, count: number, metadata: object): Promise<void> {
  await send("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  const resource = (index: number) =>
    pullSecret({ registries: ["us-ashburn-1.ocir.io"] }, { ...metadata, name: `unlisted-${index}` });
  const create = (index: number) => send("POST", resourcesPath(namespace), resource(index));
  console.log(`${await forEach(count, create, isOver)} resources`);
}

async function attackWithSecrets(): Promise<void> {
  const namespaces = ["secrets-0", "secrets-1"];
  for (const namespace of namespaces) {
    await send("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
    const data = { ".dockerconfigjson": Buffer.from(LARGE_LOGINS).toString("base64") };
    const object = { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/dockerconfigjson", data };
    const metadata = { name: NAME, labels: LABELS };
    await send("PATCH", secretPath(namespace), { ...object, metadata }, "application/apply-patch+yaml");
  }
  let count = 0;
  while (!isOver()) {
    const metadata = { annotations: { count: String(count++) } };
    for (const namespace of namespaces)
      await send("PATCH", secretPath(namespace), { metadata }, "application/merge-patch+json");
    await sleep(500);
  }
  console.log(`${count} times, as ${FIELD_MANAGER}`);
}

await ATTACKS[kind]?.();
