/**
 * Errors of the exchange of a pod's service-account token for a session. The message has a host or the name of the part at fault, a
 * code and a text from this package; never a token, a claim or text from upstream.
 */
import { WORKLOAD_ERRORS, type WorkloadErrorCode } from "@ocir-broker/errors/workload-errors";
import { FetchError, type FetchErrorOptions } from "@ocir-broker/foundation/fetch-error";

export class WorkloadError extends FetchError<WorkloadErrorCode> {
  override readonly name = "WorkloadError";

  /** @param subject a host, or a name of the thing at fault. */
  constructor(code: WorkloadErrorCode, subject: string, options?: FetchErrorOptions) {
    super(code, WORKLOAD_ERRORS[code], subject, options);
  }
}
