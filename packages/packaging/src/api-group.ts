/** The API group of pull secrets is a domain, so it must be the publisher's. */
import api from "@ocir-broker/protocol/pull-secret-api" with { type: "json" };

/**
 * @throws {Error} while the group is the placeholder, unless OCIR_BROKER_DEVELOPMENT is 1: it cannot be changed once there are
 * resources of it.
 */
export function checkApiGroup(environment: NodeJS.ProcessEnv, { group, isPlaceholder } = api): void {
  if (!isPlaceholder || environment["OCIR_BROKER_DEVELOPMENT"] === "1") return;
  throw new Error(
    `the API group of pull secrets, ${group}, is a placeholder: in packages/protocol/src/pull-secret-api.json set group to a domain ` +
      "of yours (such as <owner>.github.io) and isPlaceholder to false, or set OCIR_BROKER_DEVELOPMENT=1 for a release that nobody " +
      "else installs",
  );
}
