/**
 * Addresses in the configuration: endpoints that stand in for Oracle's, proxies, registry hosts.
 *
 * What may be one is decided by the package that uses it; here are the words for people.
 */
import { isEndpointAllowed, isRegistryHost, withoutDefaultPort } from "@ocir-broker/ocir";
import * as z from "zod";

/** An https URL, or http to this machine or its link, without credentials, query or fragment. */
export const endpoint: z.ZodType<string, string> = z
  .string("must be a URL")
  .refine(
    isEndpoint,
    "must be an https URL (http only to a loopback or link-local address) without credentials or query",
  );

/** The same without a path: the registry's paths begin at its root. */
export const registryEndpoint: z.ZodType<string, string> = endpoint.refine(
  (text) => URL.parse(text)?.pathname === "/",
  "must be a URL without a path",
);

/** A proxy's URL, which may carry a user and password; the scheme may be left out, as curl has it. */
export const proxy: z.ZodType<string, string> = z
  .string("must be a URL")
  .refine(isProxy, 'must be the URL of a proxy, such as "http://proxy.example:3128"');

/** A registry host as it stands at the start of an image's name, in lower case; port 443 is the same as none. */
export const registryHost: z.ZodType<string, string> = z
  .string("must be a registry host")
  .refine(isRegistryHost, 'must be a registry host in lower case, such as "iad.ocir.io"')
  .overwrite(withoutDefaultPort);

function isEndpoint(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && isEndpointAllowed(url);
}

/** No white space and no quotes, which URL.parse takes inside a password: what is shown of the text is cut there. */
function isProxy(text: string): boolean {
  if (/[\s"]/.test(text)) return false;
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  return url !== null && (url.protocol === "http:" || url.protocol === "https:");
}
