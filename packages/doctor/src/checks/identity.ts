/** Who this node is: its certificate, when that ends and whether its chain holds, and the session that it buys. */
import { X509Certificate } from "node:crypto";
import type { DIAGNOSES } from "../diagnoses.ts";
import { attempt, type Check, causeOf, codeOf, type Examination } from "../examination.ts";
import { describeExchange } from "../exchanges.ts";
import { finding, notChecked } from "../finding.ts";

type Name = keyof typeof DIAGNOSES;

/** What the identity package's codes mean here. A code that is not in it is about the metadata service. */
const OF_CERTIFICATE: Readonly<Record<string, Name>> = {
  "identity-not-ready": "identity-not-ready",
  "certificate-expired": "certificate-expired",
  "certificate-invalid": "certificate-invalid",
  "certificate-mismatch": "certificate-mismatch",
};

const OF_SESSION: Readonly<Record<string, Name>> = {
  "clock-skew": "clock-skew",
  "federation-invalid": "federation-invalid",
  "federation-name-not-resolved": "federation-unreachable",
  "federation-proxy-refused": "proxy-refused",
  "federation-refused": "federation-refused",
  "federation-throttled": "federation-throttled",
  "federation-tls": "tls-untrusted",
  "federation-unauthorized": "federation-unauthorized",
  "federation-unavailable": "federation-unavailable",
  "federation-unreachable": "federation-unreachable",
  "token-key-mismatch": "federation-invalid",
  "sdk-failed": "sdk-failed",
};

export const checkIdentity: Check = async (examination) => {
  const { cloud, clock } = examination;
  const session = await attempt(cloud.session());
  const code = "error" in session ? codeOf(session.error) : undefined;
  const certificate = describeCertificate(examination);
  const ofCertificate = code === undefined ? undefined : OF_CERTIFICATE[code];
  if (ofCertificate !== undefined) return [finding(ofCertificate, certificate?.evidence ?? lastAnswer(examination))];
  const found = certificate === undefined ? [] : [finding(certificate.name, certificate.evidence)];
  if ("value" in session) {
    const leftMs = session.value.expiresAtMs - clock.monotonicMs();
    return [...found, finding("session-ok", `${lastAnswer(examination)}; it lives ${minutes(leftMs)}`)];
  }
  const ofSession = OF_SESSION[String(code)];
  // Told by the clock check already, which names how far it is off.
  if (ofSession === "clock-skew") {
    return [
      ...found,
      notChecked(
        "the session",
        "clock-skew",
        "it needs the right time: the auth service refuses signatures of another",
      ),
    ];
  }
  if (ofSession !== undefined) return [...found, finding(ofSession, lastAnswer(examination))];
  const needs = "it needs the metadata service, which has the certificate";
  return [...found, notChecked("the identity", causeOf(session.error), needs)];
};

/** As it came, whether or not it was accepted. */
function describeCertificate({ cloud, clock }: Examination): { name: Name; evidence: string } | undefined {
  const [leaf, intermediate] = ["/identity/cert.pem", "/identity/intermediate.pem"].map((label) =>
    parseCertificate(cloud.exchanges.findLast((exchange) => exchange.label === label)?.response?.body),
  );
  if (leaf === undefined) return undefined;
  const endsInMs = leaf.validToDate.getTime() - clock.wallMs();
  const end = `it ${endsInMs > 0 ? `ends in ${minutes(endsInMs)}` : `ended ${minutes(-endsInMs)} ago`}`;
  const isChained = intermediate === undefined || leaf.checkIssued(intermediate);
  const evidence = `from ${minuteOf(leaf.validFromDate)} to ${minuteOf(leaf.validToDate)}: ${end}`;
  return { name: isChained ? "certificate-ok" : "certificate-chain", evidence };
}

function parseCertificate(body: Buffer | undefined): X509Certificate | undefined {
  if (body === undefined) return undefined;
  try {
    return new X509Certificate(body);
  } catch {
    return undefined;
  }
}

function lastAnswer({ cloud }: Examination): string {
  const last = cloud.exchanges.findLast(({ service }) => service !== "registry");
  return last === undefined ? "nothing was answered" : describeExchange(last);
}

function minuteOf(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function minutes(ms: number): string {
  const whole = Math.round(ms / 60_000);
  return whole < 120 ? `${whole} min` : `${Math.round(whole / 60)} h`;
}
