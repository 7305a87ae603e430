/** Fetches a token and tries it on the image, which distinguishes a missing policy from every other error. */
import { codeOf } from "@ocir-broker/errors/describe-error";
import type { Secret } from "@ocir-broker/foundation/secret";
import type { SendRequest } from "@ocir-broker/foundation/upstream";
import { isProbeable } from "@ocir-broker/ocir/access-probe";
import { type ImageName, referenceOf } from "@ocir-broker/ocir/image";
import { imageErrorOf } from "@ocir-broker/ocir/image-error";
import { attempt } from "../attempt.ts";
import { type Check, type CheckContext, causeOf } from "../check-context.ts";
import { type Finding, finding, findingOfError, notChecked } from "../finding.ts";
import { probeImage } from "../image-probe.ts";
import { compartmentIn, policyAdvice } from "../policy-advice.ts";
import { isPulledByServiceAccounts } from "./service-accounts/service-accounts.ts";

/** A registry that was probably meant to be Oracle's, such as `iad.ocir.oi` or `iad.ocri.io`. */
const LOOKS_LIKE_ORACLES = /ocir|^[a-z0-9-]+\.o[a-z]{2,4}\.io$/;

export const checkRegistry: Check = async (context) => {
  const { image, imageName, cloud } = context;
  if (image !== undefined && imageName === undefined)
    return finding("image-invalid", `the given image: ${imageErrorOf(image)}`);
  const host = await attempt(context.registryHost());
  const session = await attempt(cloud.session());
  if ("error" in host)
    return tokenNotChecked(causeOf(host.error), "it needs the registry's name from the identity's region");
  const registryHost = host.value;
  if (!(await cloud.isRegistry(registryHost))) {
    const isLookAlike = LOOKS_LIKE_ORACLES.test(registryHost);
    return finding(isLookAlike ? "image-look-alike" : "image-foreign", `registry host ${registryHost}`);
  }
  const needsSession = `it needs a session, without which ${registryHost} issues no token`;
  if ("error" in session) return tokenNotChecked(causeOf(session.error), needsSession);
  const token = await attempt(cloud.token(registryHost));
  if ("error" in token) return findingOfError(token.error);
  const lifeS = Math.round((token.value.expiresAtMs - token.value.obtainedAtMs) / 1_000);
  const found = finding("token-ok", `${registryHost}: a new token, valid for ${lifeS} s`);
  if (imageName === undefined) return found;
  if (!isProbeable(imageName.repository)) return [found, finding("access-public", imageName.repository)];
  // Then the node's rights do not matter: service-account-access.ts checks those of the service account.
  if (await isPulledByServiceAccounts(image ?? "", context)) return found;
  return [found, await checkAccess(imageName, token.value.value, context)];
};

function tokenNotChecked(cause: string, needs: string): Finding {
  return notChecked("the registry's token", cause, needs);
}

async function checkAccess(imageName: ImageName, token: Secret, context: CheckContext): Promise<Finding> {
  const { cloud, image = "" } = context;
  const { repository } = imageName;
  let status = 0;
  let reason = "";
  const send: SendRequest = async (request) => {
    const response = await cloud.send(request);
    status = response.status;
    if (status < 400 || status === 429 || status >= 500) return response;
    // Why it refuses is in the text, which a response to HEAD has not.
    const withText = await attempt(cloud.send({ ...request, method: "GET" }));
    if ("value" in withText) reason = withText.value.body.toString();
    return response;
  };
  const access = await probeImage(token, imageName, context, send);
  if ("error" in access) return finding("access-unclear", `${repository}: ${codeOf(access.error)}`);
  const evidence = `${repository}, ${referenceOf(image)}: status ${status} with a new token`;
  if (access.value === "working") return finding("access-ok", evidence);
  if (/Tenant with name \S+ not found/.test(reason)) return finding("namespace-unknown", evidence);
  const policy = policyAdvice(cloud.provider, repository, compartmentIn(cloud.certificate()));
  if (access.value === "denied") return finding("policy-missing", evidence, policy);
  if (status !== 404) return finding("access-unclear", evidence);
  return finding("image-missing", evidence, `check repository and tag; if they are right: ${policy}`);
}
