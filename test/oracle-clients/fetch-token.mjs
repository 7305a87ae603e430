/** Prints the token that Oracle's client for TypeScript gets, as one of the identities that the tests set up, with a scope if given. */
import common from "oci-common";
import { ContainerRegistryClient } from "oci-containerregistry";

const [identity, scope] = process.argv.slice(2);
const provider = await {
  instance: () => new common.InstancePrincipalsAuthenticationDetailsProviderBuilder().build(),
  user: () => new common.ConfigFileAuthenticationDetailsProvider(),
  session: () => new common.SessionAuthDetailProvider(undefined, "SESSION"),
  resource: () => common.ResourcePrincipalAuthenticationDetailsProvider.builder(),
  workload: () => common.OkeWorkloadIdentityAuthenticationDetailsProvider.builder(),
}[identity]();
const client = new ContainerRegistryClient({ authenticationDetailsProvider: provider });
client.regionId = "us-ashburn-1";
try {
  process.stdout.write(`${(await client.getAccessToken({ scope })).accessToken.token}\n`);
} catch ({ statusCode, serviceCode, message }) {
  process.stderr.write(`${statusCode} ${serviceCode}: ${message}\n`);
  process.exitCode = 1;
}
process.exit();
