/** Checks the identity: the certificate of a node and the session issued for it, or the files of another identity. */
import { X509Certificate } from "node:crypto";
import { codeOf } from "@ocir-broker/errors/describe-error";
import { resultIfAny } from "@ocir-broker/foundation/result-if-any";
import { IDENTITY_ERRORS } from "@ocir-broker/identity/error-codes";
import { IdentityError } from "@ocir-broker/identity/identity-error";
import { attempt } from "../attempt.ts";
import { type Check, type CheckContext, causeOf } from "../check-context.ts";
import { findingOfCode } from "../diagnoses.ts";
import { type Finding, finding, notChecked } from "../finding.ts";
import { notCheckedByProxy } from "../proxy-failure.ts";
import { describeRequest, receivedPem } from "../recorded-requests.ts";

/** These replace the finding about the certificate, whose dates are their evidence. */
const OF_CERTIFICATE = /^(?:certificate-|identity-not-ready$|tenancy-changed$)/;

export const checkIdentity: Check = async (context) => {
  const { cloud, clock } = context;
  const session = await attempt(cloud.session());
  const certificate = certificateFinding(context);
  if ("value" in session) {
    const leftMs = session.value.expiresAtMs - clock.monotonicMs();
    return [certificate, finding("session-ok", `${lastResponse(context)}; valid for ${minutes(leftMs)}`)];
  }
  const code = codeOf(session.error);
  // The clock check reports this, with the offset.
  if (code === "clock-skew") {
    const needs = "it needs a correct clock, or the auth service refuses the request";
    return [certificate, notChecked("the session", code, needs)];
  }
  const byProxy = notCheckedByProxy("the session", session.error);
  if (byProxy !== undefined) return [certificate, byProxy];
  // The metadata check reports its service.
  if (!Object.hasOwn(IDENTITY_ERRORS, code) || code === "aborted" || code.startsWith("metadata-")) {
    const cause = causeOf(session.error);
    return [certificate, notChecked("the identity", cause, "it needs the certificate from the metadata service")];
  }
  const name = findingOfCode(code) ?? "check-failed";
  if (OF_CERTIFICATE.test(name)) return finding(name, certificate?.evidence ?? lastResponse(context));
  return [certificate, finding(name, lastResponse(context))];
};

/** Of the certificate as received, even if it was not accepted. */
function certificateFinding({ cloud, clock }: CheckContext): Finding | undefined {
  const leaf = resultIfAny(() => new X509Certificate(receivedPem(cloud.requests, "/identity/cert.pem")));
  if (leaf === undefined) return undefined;
  const endsInMs = leaf.validToDate.getTime() - clock.wallMs();
  const end = `it ${endsInMs > 0 ? `ends in ${minutes(endsInMs)}` : `ended ${minutes(-endsInMs)} ago`}`;
  return finding("certificate-ok", `from ${minuteOf(leaf.validFromDate)} to ${minuteOf(leaf.validToDate)}: ${end}`);
}

function lastResponse({ cloud }: CheckContext): string {
  const last = cloud.requests.findLast(({ service }) => service !== "registry");
  return last === undefined ? "no service responded" : describeRequest(last);
}

function minuteOf(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function minutes(ms: number): string {
  const whole = Math.round(ms / 60_000);
  return whole < 120 ? `${whole} min` : `${Math.round(whole / 60)} h`;
}

export const checkFileIdentity: Check = async ({ cloud, config }) => {
  const session = await attempt(cloud.session());
  if ("value" in session) return finding("identity-ok", `identity.provider: ${config.identity.provider}`);
  const { error } = session;
  const place = error instanceof IdentityError ? error.subject : undefined;
  return finding(findingOfCode(codeOf(error)) ?? "check-failed", place ?? codeOf(error));
};
