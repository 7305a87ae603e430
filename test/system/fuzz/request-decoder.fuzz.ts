import { bearerAuth } from "@ocir-broker/protocol/auth";
import { decodeCredentialProviderRequest } from "@ocir-broker/protocol/request";
import { encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";
import { ProtocolError } from "../../../packages/protocol/src/protocol-error.ts";

/** A request is decoded, or refused with the package's own error; a decoded one can be answered. */
export function fuzz(data: Buffer): void {
  try {
    const { apiVersion, image } = decodeCredentialProviderRequest(data);
    const host = image.split("/")[0] ?? "";
    const response = JSON.parse(encodeCredentialProviderResponse(apiVersion, bearerAuth(host, "token")).toString());
    if (response.apiVersion !== apiVersion || response.auth[host]?.password !== "token")
      throw new TypeError("wrong response");
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}
