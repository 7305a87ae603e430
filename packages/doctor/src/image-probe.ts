/** Tries a token on the image that doctor examines. */
import type { Secret } from "@ocir-broker/foundation/secret";
import { type Access, probeRepository } from "@ocir-broker/ocir/access-probe";
import { type ImageName, referenceOf } from "@ocir-broker/ocir/image";
import { type Attempt, attempt } from "./attempt.ts";
import type { CheckContext } from "./check-context.ts";

/** @param imageName of a repository that can be probed. */
export function probeImage(
  token: Secret,
  { registryHost, repository }: ImageName,
  { cloud, image = "", signal }: CheckContext,
  send = cloud.send,
): Promise<Attempt<Access>> {
  const options = { send, endpoint: cloud.endpointOf(registryHost), reference: referenceOf(image) };
  return attempt(probeRepository(repository, token, options, signal));
}
