/** The API group of pull secrets is a domain, so it must be the publisher's. */
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };

/** A DNS subdomain with a dot, as the API server requires for a CustomResourceDefinition. */
const GROUP = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$/;

/**
 * The group of `--api-group`, or the one in pull-secret-api.json unless it is the placeholder. Undefined without one.
 *
 * @throws {Error} if it is not a DNS name.
 */
export function apiGroupOf(given: string | undefined, { group, isPlaceholder } = api): string | undefined {
  const chosen = given ?? (isPlaceholder === false ? group : undefined);
  if (chosen !== undefined && !GROUP.test(chosen))
    throw new Error(`the API group must be a DNS name in lower case with a dot, such as pulls.example.com: ${chosen}`);
  return chosen;
}

export function apiText(group: string): string {
  return `${JSON.stringify({ ...api, group, isPlaceholder: false })}\n`;
}
