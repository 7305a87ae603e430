import { ERROR_TABLE, type ErrorCode } from "@ocir-broker/credentials/error-catalogue";
import { expect, it } from "vitest";
import { PULL_SECRET_ERRORS, type PullSecretErrorCode } from "../error-codes.ts";
import { describeFailure, reasonOf } from "./failure.ts";

it("reasonOf makes a reason that Kubernetes accepts of each code, and of no two the same", () => {
  const codes = Object.keys({ ...ERROR_TABLE, ...PULL_SECRET_ERRORS }) as (ErrorCode | PullSecretErrorCode)[];
  const reasons = codes.map(reasonOf);
  expect(reasonOf("name-not-allowed")).toBe("NameNotAllowed");
  expect(reasons.filter((reason) => !/^[A-Za-z][A-Za-z0-9]*$/.test(reason))).toEqual([]);
  expect(new Set(reasons).size).toBe(codes.length);
});

it.each([
  ["cluster-tls", /TCP 12250/],
  ["domain-secret-missing", /identity\.domain\.clientSecret/],
  ["domain-tls", /SSL_CERT_FILE in the chart's value extraEnv/],
  ["domain-unknown", /identity\.domain\.url/],
  ["domain-unreachable", /HTTPS_PROXY/],
  ["federation-tls", /SSL_CERT_FILE in the chart's value extraEnv/],
  ["proxy-refused", /HTTPS_PROXY/],
  ["proxy-unreachable", /HTTPS_PROXY/],
  ["service-account-missing", /: kubectl create serviceaccount puller -n NAMESPACE$/],
  ["tls", /SSL_CERT_FILE in the chart's value extraEnv/],
  ["token-exchange-throttled", /no action needed: it is retried$/],
  ["token-exchange-unavailable", /no action needed: it is retried \(.*\)$/],
] as const)("describeFailure advises for %s what the chart's owner or a tenant can do", (code, advice) => {
  const text = describeFailure({ code, place: "puller" }, "");
  expect(text).toMatch(advice);
  expect(text).not.toMatch(/systemctl|upstream\.|proxy\.https|identityDomain|kubelet/);
});
