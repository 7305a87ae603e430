import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext, getCACertificates } from "node:tls";
import { describe, expect, test } from "vitest";
import { readTrustedCertificates } from "./trusted-certificates.ts";

/** A self-signed certificate for CN=private root, made once with OpenSSL; only its form matters here. */
const PRIVATE_ROOT = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUPlKB0lmmwCiZ+hBs9zoPhH+wD4IwCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMcHJpdmF0ZSByb290MCAXDTI2MTEyNDE1MDgwM1oYDzIxMjYx
MDMxMTUwODAzWjAXMRUwEwYDVQQDDAxwcml2YXRlIHJvb3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAARN9wnFthsMxCd5jkcN2+w3/H5BTghtEw2hcp1kWMWmqOmx
DGQi4DIQdHqmq9jF6YDYrZKM3OY+EjIdHoc3vABGo1MwUTAdBgNVHQ4EFgQUiS7U
tYI6YOYQ5uYCiPoYKezIp1IwHwYDVR0jBBgwFoAUiS7UtYI6YOYQ5uYCiPoYKezI
p1IwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAgKIJOlevLAQb
bq2yfq90IqsQkxhch8lUaLtMonjrToACIAh0K5WQ9MxAGWDDCQpc9HMZkySKWElO
0KcfopXVtwdO
-----END CERTIFICATE-----`;

const directory = mkdtempSync(join(tmpdir(), "ocir-broker-roots-"));
const at = (name: string): string => join(directory, name);

const bundled = getCACertificates("bundled");
const subjects = (pems: string[]): string[] => pems.map((pem) => new X509Certificate(pem).subject);

describe("readTrustedCertificates", () => {
  test("adds the certificates of SSL_CERT_FILE to Node's own, each once, and ignores other text", () => {
    const again = String(bundled[0]).replaceAll("\n", "\r\n");
    writeFileSync(at("store.crt"), `# private root\n${PRIVATE_ROOT}\n\ntext\xff\n${again}\n${PRIVATE_ROOT}\n`);
    const read = readTrustedCertificates({ SSL_CERT_FILE: at("store.crt") });
    expect(read).toHaveLength(bundled.length + 1);
    expect(subjects(read.slice(-1))).toEqual(["CN=private root"]);
    expect(() => createSecureContext({ ca: read })).not.toThrow();
  });

  test("adds the files of every directory in SSL_CERT_DIR, and skips unreadable ones", () => {
    mkdirSync(at("a/deeper"), { recursive: true });
    mkdirSync(at("b"));
    writeFileSync(at("a/README"), "nothing here");
    writeFileSync(at("b/1234abcd.0"), PRIVATE_ROOT);
    const read = readTrustedCertificates({ SSL_CERT_DIR: `${at("a")}::${at("missing")}:${at("b")}` });
    expect(subjects(read.slice(bundled.length))).toEqual(["CN=private root"]);
  });

  test("leaves out invalid certificates, so that one bad file does not stop the daemon", () => {
    const broken = PRIVATE_ROOT.replace("MII", "AAA");
    const trusted = PRIVATE_ROOT.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE");
    const key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    writeFileSync(at("bad.crt"), [broken, trusted, key, "-----BEGIN CERTIFICATE-----"].join("\n"));
    expect(readTrustedCertificates({ SSL_CERT_FILE: at("bad.crt") })).toEqual(bundled);
  });

  test("trusts only the given file, and nothing if it is missing", () => {
    writeFileSync(at("only.pem"), `text\n${PRIVATE_ROOT}\n`);
    const environment = { SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt" };
    expect(subjects(readTrustedCertificates(environment, at("only.pem")))).toEqual(["CN=private root"]);
    expect(readTrustedCertificates(environment, at("missing"))).toEqual([]);
  });

  test("treats a pipe, a device, a huge file, a folder and a missing file as empty", () => {
    mkdirSync(at("odd"));
    execFileSync("mkfifo", [at("odd/pipe")]);
    writeFileSync(at("odd/huge"), PRIVATE_ROOT);
    truncateSync(at("odd/huge"), 2 ** 40);
    for (const file of [at("odd/pipe"), "/dev/zero", at("odd/huge"), at("odd"), at("missing")]) {
      expect(readTrustedCertificates({ SSL_CERT_FILE: file, SSL_CERT_DIR: at("odd") }), file).toEqual(bundled);
      expect(readTrustedCertificates({}, file), file).toEqual([]);
    }
  });

  test("reads the system's store if no other is named", () => {
    const read = readTrustedCertificates({ SSL_CERT_FILE: "", SSL_CERT_DIR: undefined });
    expect(read.slice(0, bundled.length)).toEqual(bundled);
    expect(new Set(read).size).toBe(read.length);
  });
});
