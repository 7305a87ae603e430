/**
 * Schemas for addresses in the configuration: endpoints that replace Oracle's, proxies, registry hosts.
 *
 * The package that uses an address decides whether it is valid; this file owns the messages.
 */
import { parseProxyUrl } from "@ocir-broker/foundation/dispatcher";
import { isEndpointAllowed } from "@ocir-broker/ocir/endpoint";
import { isRegistryHost, withoutDefaultPort } from "@ocir-broker/ocir/host-rules";
import * as z from "zod";

/** An https URL, or http to this machine or its link, without credentials, query or fragment. */
export const endpoint: z.ZodType<string, string> = z.string("must be a URL").refine(isEndpoint, {
  error: "must be an https URL (http only to a loopback or link-local address) without credentials or query",
  abort: true,
});

/** An endpoint with the version's path, which Oracle's SDKs also expect in OCI_METADATA_BASE_URL. */
export const metadataEndpoint: z.ZodType<string, string> = endpoint.refine(
  (text) => URL.parse(text)?.pathname !== "/",
  "must be a URL with a path, such as http://169.254.169.254/opc/v2",
);

/** An endpoint without a path, since the registry's paths start at its root. */
export const registryEndpoint: z.ZodType<string, string> = endpoint.refine(
  (text) => URL.parse(text)?.pathname === "/",
  { error: "must be a URL without a path", abort: true },
);

/** Never http, not even on loopback, because a secret is sent there. */
export const httpsOrigin: z.ZodType<string, string> = registryEndpoint.refine(
  (text) => URL.parse(text)?.protocol === "https:",
  "must be an https URL without a path",
);

/** A proxy's URL, with or without user and password; with a port, the scheme is optional, as in curl. */
export const proxy: z.ZodType<string, string> = z
  .string("must be a URL")
  .refine(isProxy, 'must be the URL of a proxy, such as "http://proxy.example:3128"');

/** A registry host as at the start of an image's name, in lower case; port 443 is dropped. */
export const registryHost: z.ZodType<string, string> = z
  .string("must be a registry host")
  .refine(isRegistryHost, 'must be a registry host in lower case, such as "iad.ocir.io"')
  .overwrite(withoutDefaultPort);

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && isEndpointAllowed(url);
}

/** Refuses white space and quotes, which URL.parse accepts in a password: redaction ends there and would show the rest. */
function isProxy(text: string): boolean {
  return /:\/\/|:\d+$/.test(text) && !/[\s"]/.test(text) && parseProxyUrl(text) !== undefined;
}
