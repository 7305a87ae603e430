/**
 * Loads oci-common when it is first needed: it costs 45 ms and 9 MiB, which a start need not wait for.
 *
 * It asks for the home directory while it is loaded, which throws in a process with neither HOME nor an entry in
 * the user database (a systemd DynamicUser without nss-systemd). It gets an answer here; it reads nothing below it.
 */
import os from "node:os";

type OciSdk = typeof import("./oci-sdk.ts");

export async function loadOciSdk(): Promise<OciSdk> {
  if (hasHome()) return import("./oci-sdk.ts");
  const { homedir } = os;
  os.homedir = () => "/";
  try {
    return await import("./oci-sdk.ts");
  } finally {
    os.homedir = homedir;
  }
}

function hasHome(): boolean {
  try {
    os.homedir();
    return true;
  } catch {
    return false;
  }
}
