/**
 * The identity provider of a node that has no identity of its own and only serves service accounts. It contacts no service, and
 * every request for a session ends at once with `identity-none`, so the kubelet goes on without credentials.
 */
import { IdentityError } from "../identity-error.ts";
import type { IdentityProvider } from "../identity-provider.ts";

export function createNoIdentity(): IdentityProvider {
  async function refuse(): Promise<never> {
    throw new IdentityError("identity-none", "identity.provider");
  }
  return { region: refuse, session: refuse };
}
