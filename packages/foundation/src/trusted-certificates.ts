/**
 * The roots that upstreams are checked against: Node's own and the system's, each once; or those of one file alone.
 *
 * A dedicated or sovereign region may have a private CA, which its images carry in the system's store; Node alone
 * would not look there. Reads files, once; never writes, never trusts anything that is not in one of these places.
 */
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates } from "node:tls";

/** Debian and Ubuntu; Oracle Linux and its kin. */
const SYSTEM_STORES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/**
 * PEM, one certificate each. `SSL_CERT_FILE` and `SSL_CERT_DIR` (directories separated by colons) take the place of
 * the system's store, as they do for OpenSSL. A file that is missing or unreadable, and a certificate that cannot
 * be parsed, count as not there.
 *
 * @param caFile nothing outside this file is trusted; if no certificate can be read from it, the result is empty.
 */
export function readTrustedCertificates(
  environment: Readonly<Record<string, string | undefined>>,
  caFile?: string,
): string[] {
  const byContent = new Map<string, string>();
  if (caFile === undefined) for (const pem of getCACertificates("bundled")) byContent.set(contentOf(pem), pem);
  for (const file of caFile === undefined ? storeFiles(environment) : [caFile]) {
    for (const pem of readText(file).match(CERTIFICATE) ?? []) {
      const content = contentOf(pem);
      if (!byContent.has(content) && isCertificate(pem)) byContent.set(content, pem);
    }
  }
  return [...byContent.values()];
}

function storeFiles(environment: Readonly<Record<string, string | undefined>>): string[] {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directories } = environment;
  if (!file && !directories) return SYSTEM_STORES;
  const inDirectories = (directories ?? "").split(":").flatMap(filesIn);
  return file ? [file, ...inDirectories] : inDirectories;
}

function filesIn(directory: string): string[] {
  if (directory === "") return [];
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}

function contentOf(pem: string): string {
  return pem.replace(/-----[^-]+-----|\s/g, "");
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
