/** A cluster's own CA, and the API server's certificate from it. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export function makeCertificates(folder: string, host: string): { key: Buffer; cert: Buffer; caCert: string } {
  mkdirSync(folder, { recursive: true });
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  openssl("req", "-x509", ...key, "-subj", "/CN=cluster", "-keyout", path("ca.key"), "-out", path("ca.crt"));
  openssl(
    ...["req", "-x509", ...key, "-subj", "/CN=api-server", "-addext", `subjectAltName=IP:${host}`],
    ...["-addext", "basicConstraints=critical,CA:FALSE", "-CA", path("ca.crt"), "-CAkey", path("ca.key")],
    ...["-keyout", path("api.key"), "-out", path("api.crt")],
  );
  return { key: readFileSync(path("api.key")), cert: readFileSync(path("api.crt")), caCert: path("ca.crt") };
}
