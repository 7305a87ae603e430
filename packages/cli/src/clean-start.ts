/**
 * Restarts the executable without the variables that make Node write files (NODE_V8_COVERAGE), trust other certificates
 * (NODE_EXTRA_CA_CERTS) or print secrets, if one is set: a second start of 30 ms. Applies only to a start by hand: the
 * launcher and the shim remove these variables themselves and pass descriptors that an exec would close. OPENSSL_CONF
 * acts before this code runs, so the build disables it.
 */
import { isSea } from "node:sea";
import { environment } from "./process/environment.ts";

const DROPPED = /^(?:NODE_|OPENSSL_|SSLKEYLOGFILE$)/;
const HAS_DESCRIPTORS = ["LISTEN_PID", "OCIR_BROKER_NOTIFY_FD"];

const names = Object.keys(environment);
if (isSea() && names.some((name) => DROPPED.test(name)) && !names.some((name) => HAS_DESCRIPTORS.includes(name))) {
  const kept = Object.entries(environment).filter(([name]) => !DROPPED.test(name));
  process.execve?.(process.execPath, [process.argv0, ...process.argv.slice(2)], Object.fromEntries(kept));
}
