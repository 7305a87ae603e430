/**
 * Creates namespaces with a service account and an OCIRPullSecret each, many at a time. It runs inside the node.
 *
 * usage: create-tenants.ts COUNT
 */
import { forEach, send } from "./node-requests.ts";
import { NAME, pullSecret, resourcesPath } from "./pull-secret-objects.ts";

await forEach(Number(process.argv[2]), async (index) => {
  const namespace = `tenant-${index}`;
  await send("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await send("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: NAME } });
  await send("POST", resourcesPath(namespace), pullSecret({ registries: ["us-ashburn-1.ocir.io"] }));
});
