import { parseImage } from "@ocir-broker/ocir/image";
import { OcirError } from "@ocir-broker/ocir/ocir-error";
import { decodeCredentialProviderRequest } from "@ocir-broker/protocol/request";
import { bearerAuth, encodeCredentialProviderResponse } from "@ocir-broker/protocol/response";
import { ProtocolError } from "../../../packages/protocol/src/protocol-error.ts";

/** A request is decoded, or refused with the packages' own errors; a decoded one whose image is valid can be answered. */
export function fuzz(data: Buffer): void {
  try {
    const { apiVersion, image } = decodeCredentialProviderRequest(data);
    const host = parseImage(image).spelledHost;
    const response = JSON.parse(encodeCredentialProviderResponse(apiVersion, bearerAuth(host, "token")).toString());
    if (response.apiVersion !== apiVersion || response.auth[host]?.password !== "token")
      throw new TypeError("wrong response");
  } catch (error) {
    if (!(error instanceof ProtocolError || error instanceof OcirError)) throw error;
  }
}
