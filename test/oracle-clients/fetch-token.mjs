/** Prints the token that Oracle's SDK for TypeScript gets from the URL as one of the identities that the tests set up. */
import common from "oci-common";

const [identity, uri] = process.argv.slice(2);
const provider = await {
  instance: () => new common.InstancePrincipalsAuthenticationDetailsProviderBuilder().build(),
  user: () => new common.ConfigFileAuthenticationDetailsProvider(),
  session: () => new common.SessionAuthDetailProvider(undefined, "SESSION"),
  resource: () => common.ResourcePrincipalAuthenticationDetailsProvider.builder(),
  workload: () => common.OkeWorkloadIdentityAuthenticationDetailsProvider.builder(),
}[identity]();
const request = { uri, method: "GET", headers: new Headers() };
await new common.DefaultRequestSigner(provider).signHttpRequest(request);
const response = await fetch(uri, { headers: request.headers });
if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
process.stdout.write(`${(await response.json()).token}\n`);
process.exit();
