/**
 * The trusted roots for upstreams: Node's own and the system's, without duplicates, or only those of one file.
 *
 * A dedicated or sovereign region may have a private CA in the system's store of its images, which Node does not read by itself.
 * Reads the files once, and trusts nothing else.
 */
import { X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";
import { readRegularFile } from "./regular-file.ts";
import { resultIfAny } from "./result-if-any.ts";

/** Debian and Ubuntu; Oracle Linux and related systems. */
const SYSTEM_STORES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * PEM, one certificate each. `SSL_CERT_FILE` and `SSL_CERT_DIR` (directories separated by colons) replace the system's store, as in
 * OpenSSL. Files that cannot or must not be read and invalid certificates are ignored.
 *
 * @param caFile if set, only this file is trusted; without a readable certificate in it, the result is empty.
 */
export function readTrustedCertificates(environment: NodeJS.ProcessEnv, caFile?: string): string[] {
  const byContent = new Map<string, string>();
  if (caFile === undefined) for (const pem of getCACertificates("bundled")) byContent.set(contentOf(pem), pem);
  for (const file of caFile === undefined ? storeFiles(environment) : [caFile]) {
    for (const pem of textOf(file)?.match(CERTIFICATE) ?? []) {
      const content = contentOf(pem);
      if (!byContent.has(content) && isCertificate(pem)) byContent.set(content, pem);
    }
  }
  return [...byContent.values()];
}

function storeFiles(environment: NodeJS.ProcessEnv): string[] {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directories } = environment;
  if (!file && !directories) return SYSTEM_STORES;
  const inDirectories = (directories ?? "").split(":").flatMap(filesIn);
  return file ? [file, ...inDirectories] : inDirectories;
}

function filesIn(directory: string): string[] {
  const names = directory === "" ? [] : (resultIfAny(() => readdirSync(directory)) ?? []);
  return names.map((name) => join(directory, name));
}

function textOf(file: string): string | undefined {
  return resultIfAny(() => readRegularFile(file).toString("latin1"));
}

function contentOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}

function isCertificate(pem: string): boolean {
  return resultIfAny(() => new X509Certificate(pem)) !== undefined;
}
