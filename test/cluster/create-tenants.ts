/**
 * Creates namespaces with a service account and an OCIRPullSecret each, many at a time. It runs inside the node, because a program for
 * each request would take longer than the API server.
 *
 * usage: create-tenants.ts COUNT API-SERVER CA-FILE TOKEN
 */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { NAME, pullSecret, resourcesPath } from "./pull-secret-objects.ts";

const [count = "0", apiServer = "", caFile = "", token = ""] = process.argv.slice(2);
const CONCURRENCY = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY, ca: readFileSync(caFile) });

function post(path: string, object: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const sent = request(new URL(path, apiServer), { method: "POST", agent, headers }, (response) => {
      response.resume();
      response.once("end", () =>
        response.statusCode === 201 ? resolve() : reject(new Error(`${path}: ${response.statusCode}`)),
      );
    });
    sent.once("error", reject).end(JSON.stringify(object));
  });
}

async function createTenant(namespace: string): Promise<void> {
  await post("/api/v1/namespaces", { metadata: { name: namespace } });
  await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: NAME } });
  await post(resourcesPath(namespace), pullSecret({ registries: ["us-ashburn-1.ocir.io"] }));
}

const names = Array.from({ length: Number(count) }, (_, index) => `tenant-${index}`);
async function work(): Promise<void> {
  for (let name = names.pop(); name !== undefined; name = names.pop()) await createTenant(name);
}
await Promise.all(Array.from({ length: CONCURRENCY }, work));
agent.destroy();
