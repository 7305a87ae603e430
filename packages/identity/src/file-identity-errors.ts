/**
 * The codes of identities that come from files and variables: user, session, resource principal. The place before the code names
 * the setting or file at fault, which a person can correct.
 */
import { type FetchErrorText, permanent } from "@ocir-broker/foundation";

export const FILE_IDENTITY_ERRORS = {
  "api-key-refused": permanent(
    "the registry does not accept the API key",
    "check that user and tenancy are right, and that the user still has this key",
  ),
  "identity-changed": permanent(
    "the files name a different identity than at the start",
    "restart the broker to use it",
  ),
  "identity-file-permissions": permanent(
    "other users can read or change the file",
    "chmod 600 the file, and let its user own it",
  ),
  "identity-file-unreadable": permanent("the file cannot be read", "check its path and its owner"),
  "key-encrypted": permanent("the key's pass phrase is missing or wrong", "set pass_phrase or OCI_CLI_PASSPHRASE"),
  "key-fingerprint": permanent(
    "the fingerprint does not belong to the key",
    "copy the configuration snippet of this key from Oracle's Console",
  ),
  "key-invalid": permanent("the file has no private RSA key in PEM", "name the private key, not the public one"),
  "oci-config-incomplete": permanent("the value is missing", "run oci setup config, or add the key to the profile"),
  "oci-config-invalid": permanent(
    "the file is not a valid configuration of Oracle's command line",
    "compare it with SDK and CLI Configuration File on docs.oracle.com",
  ),
  "oci-config-unreadable": permanent("the file cannot be read", "run oci setup config, or check the file's path"),
  "oci-profile-missing": permanent(
    "the file has no such profile",
    "check the profile's name, in capitals as in the file",
  ),
  "oci-region-unknown": permanent("this release does not know the region", "correct the region"),
  "resource-principal-expired": permanent(
    "the platform has not renewed the resource principal's token",
    "start the job or the container again",
  ),
  "resource-principal-missing": permanent(
    "the platform has not set the variable",
    "run the broker where Oracle provides a resource principal, or set another identity.provider",
  ),
  "resource-principal-mixed": permanent(
    "only one of key and pass phrase is a file",
    "use files for both, or values for both",
  ),
  "resource-principal-refused": permanent(
    "the registry does not accept the resource principal",
    "check the clock, then start the job or the container again",
  ),
  "resource-principal-version": permanent("only version 2.2 is supported", "set another identity.provider"),
  "security-token-invalid": permanent(
    "there is no valid security token",
    "run oci session authenticate, or for a resource principal start the job or the container again",
  ),
  "security-token-key": permanent(
    "the security token is for another key",
    "set key_file to the key that oci session authenticate wrote with the token",
  ),
  "session-expired": permanent("the command line's session has expired", "run oci session authenticate"),
  "session-refused": permanent(
    "the registry does not accept the command line's session",
    "run oci session authenticate",
  ),
} as const satisfies Record<string, FetchErrorText>;
