/** Prints the token that Oracle's SDK for TypeScript gets from the URL, as an instance principal or with ~/.oci/config. */
import common from "oci-common";

const [identity, uri] = process.argv.slice(2);
const provider =
  identity === "instance"
    ? await new common.InstancePrincipalsAuthenticationDetailsProviderBuilder().build()
    : new common.ConfigFileAuthenticationDetailsProvider();
const request = { uri, method: "GET", headers: new Headers() };
await new common.DefaultRequestSigner(provider).signHttpRequest(request);
const response = await fetch(uri, { headers: request.headers });
if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
process.stdout.write(`${(await response.json()).token}\n`);
process.exit();
