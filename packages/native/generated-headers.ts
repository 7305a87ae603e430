/**
 * Renders the C headers that packages/protocol defines. The rendered files are committed with the sources, because make needs
 * nothing but a C compiler; a test compares them.
 */
import {
  API_VERSION,
  API_VERSIONS,
  CREDENTIALS_ROUTE,
  CREDENTIALS_SOCKET,
  DISABLED_FILE,
  DOCKER_CREDENTIAL_NAME,
  DOCKER_CREDENTIAL_ROUTE,
  INSTALLED_PROGRAM,
  MATCH_IMAGES,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  PLUGIN_NAME,
  SERVICE_ACCOUNT_PLUGIN_NAME,
  SHIM_CALL_MS,
} from "@ocir-broker/protocol/contract";
import { SHIM_ERRORS, type ShimErrorRow } from "@ocir-broker/protocol/error-codes";
import { encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";

/** Maps the file names in src/ to their texts. */
export function generatedHeaders(): Readonly<Record<string, string>> {
  return {
    "contract.h": header("contract.ts", NAMES),
    "error-texts.h": header("error-codes.ts", [ERROR_TEXTS_USE, ...errorTexts()]),
  };
}

const NAMES = [
  "/* Initialises an array of strings. */",
  `#define API_VERSIONS \\\n  {${API_VERSIONS.map(literal).join(", \\\n   ")}}`,
  ...defines({
    PLUGIN_NAME,
    SERVICE_ACCOUNT_PLUGIN_NAME,
    DOCKER_CREDENTIAL_NAME,
    CREDENTIALS_SOCKET,
    INSTALLED_PROGRAM,
    DISABLED_FILE,
    CREDENTIALS_ROUTE,
    DOCKER_CREDENTIAL_ROUTE,
    MAX_REQUEST_BYTES,
    MAX_RESPONSE_BYTES,
    SHIM_CALL_LIMIT_TEXT: `${SHIM_CALL_MS / 1_000} s`,
  }),
  "/* Permits an anonymous pull from each of Oracle's registries, and no other. */",
  `#define ANONYMOUS_RESPONSE \\\n  ${anonymousResponse().map(literal).join(" \\\n  ")}`,
  // The tests' builds override it with a shorter one.
  ...["#ifndef SHIM_CALL_MS", ...defines({ SHIM_CALL_MS }), "#endif"],
];

/** In the only version that has service accounts, in pieces that fit into a line. */
function anonymousResponse(): string[] {
  const auth = Object.fromEntries(MATCH_IMAGES.map((pattern) => [pattern, { username: "", password: "" }]));
  const response = encodeCredentialProviderResponse(API_VERSION, auth).toString();
  return response.match(/.{1,80}/g) ?? [];
}

const ERROR_TEXTS_USE =
  "/* Each is the arguments of error_line_write: code, what happened, detail, what to do next. */";

function errorTexts(): string[] {
  return Object.entries<ShimErrorRow>(SHIM_ERRORS).map(([code, { what, detail, next }]) => {
    const name = code.toUpperCase().replaceAll("-", "_");
    const parameter = detail === undefined ? "" : `(${detail})`;
    const parts = [literal(code), literal(what), detail === undefined ? "NULL" : `(${detail})`, literal(next)];
    return `#define ${name}${parameter} \\\n  ${parts.join(", \\\n  ")}`;
  });
}

function header(source: string, lines: readonly string[]): string {
  const head = `/* Generated from packages/protocol/src/${source} by \`npm run docs\`. */`;
  return [head, "#pragma once", "", ...lines, ""].join("\n");
}

function defines(values: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(values).map(
    ([name, value]) => `#define ${name} ${typeof value === "number" ? value : literal(value)}`,
  );
}

/** The error line is printable ASCII, and in that JSON's strings are C's. */
function literal(text: string): string {
  if (!/^[ -~]*$/.test(text)) throw new Error(`not printable ASCII: ${text}`);
  return JSON.stringify(text);
}
