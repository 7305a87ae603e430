/** The words that a transcript may contain: names of headers, fields and claims, and words of error messages. */

/** Response headers that Oracle's services, or a proxy in between, are known to send. */
export const HEADER_NAMES: ReadonlySet<string> = new Set(
  `age allow cache-control connection content-encoding content-language content-length content-security-policy
  content-type date docker-content-digest docker-distribution-api-version etag expires keep-alive last-modified location
  opc-client-info opc-request-id pragma proxy-authenticate ratelimit-limit ratelimit-remaining retry-after server
  strict-transport-security transfer-encoding vary via warning www-authenticate x-cache x-content-type-options
  x-frame-options x-ratelimit-limit x-ratelimit-remaining x-request-id x-xss-protection`.split(/\s+/),
);

export const CHALLENGE_PARAMETERS: ReadonlySet<string> = new Set(
  "realm service scope error error_description charset".split(" "),
);

/** Words of error messages. A tenancy's own name is shown only if it is one of these words. */
export const VOCABULARY: ReadonlySet<string> = new Set(
  `a access again allowed an and anonymous any are artifact authenticate authenticated authentication authorization
  authorized bad be because been by can cannot client compartment complete contact could credentials denied does error
  errors exceeded exist failed fault for forbidden found from given group has have host id image in incorrect
  information instance internal invalid is it later limit manifest method metadata missing more must name namespace no
  not of on only operation or permission policy principal provided public pull read registry repo repos repository
  request requested requests required resource retry security server service signature tag tenancy tenant than that the
  this to token too try unable unauthorized understood unknown unsupported user userid users valid version was were with
  you your`.split(/\s+/),
);

const CODE_WORDS: ReadonlySet<string> = new Set(
  `${[...VOCABULARY].join(" ")} blob conflict digest many parameter toomanyrequests unavailable unverified upload`.split(
    " ",
  ),
);

const FIELD_WORDS: ReadonlySet<string> = new Set(
  `access alg annotations architecture aud azp certificate certtype claims code compartment component config description
  detail details digest domain errors exp expires expiry fprint grant header home iat id identifier image in instance iss
  issued issuer jti jwk key keys kid layers length manifests media message mtype name namespace nbf opc os platform ptype
  realm refresh region repository request res resource role roles schema scope service size status sub subject tag tenancy
  tenant time token ttype typ type url user version`.split(/\s+/),
);

/** `mediaType`, `expires_in`, `opc-tenant`: made only of our words. */
export function isFieldName(name: string): boolean {
  return isMadeOf(FIELD_WORDS, name);
}

/** `NotAuthorizedOrNotFound`, `MANIFEST_UNKNOWN`. */
export function isErrorCode(text: string): boolean {
  return isMadeOf(CODE_WORDS, text);
}

/** Keeps known words, each with at most one punctuation mark, and replaces all others by an ellipsis. */
export function sentence(text: string): string {
  return text
    .split(/\s+/, 40)
    .map((word) => (VOCABULARY.has(word.replace(/[.,;:!?]$/, "").toLowerCase()) ? word : "…"))
    .join(" ");
}

const LONGEST_NAME = 60;

function isMadeOf(words: ReadonlySet<string>, text: string): boolean {
  if (text === "" || text.length > LONGEST_NAME) return false;
  // Split at an underscore or a dash, and before a capital that has a small letter next to it.
  const parts = text.split(/[_-]|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/);
  return parts.every((part) => words.has(part.toLowerCase()));
}
