/**
 * Creates namespaces with a service account and an OCIRPullSecret each, many at a time. It runs inside the node.
 *
 * usage: create-tenants.ts COUNT API-SERVER CA-FILE TOKEN
 */
import { createRequests, forEach } from "./node-requests.ts";
import { NAME, pullSecret, resourcesPath } from "./pull-secret-objects.ts";

const [count = "0", apiServer = "", caFile = "", token = ""] = process.argv.slice(2);
const { send, close } = createRequests(apiServer, caFile, token);

await forEach(Number(count), async (index) => {
  const namespace = `tenant-${index}`;
  await send("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await send("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: NAME } });
  await send("POST", resourcesPath(namespace), pullSecret({ registries: ["us-ashburn-1.ocir.io"] }));
});
close();
