/** The meaning of each STATE of `ocir-broker status`, for its help and its man page. */
import type { HealthDetails } from "@ocir-broker/broker";

type State = NonNullable<HealthDetails["session"]>["state"];

export const STATES: Readonly<Record<State, string>> = {
  fresh: "It is handed out, and no renewal that was due has failed.",
  stale:
    "It is still handed out, but its renewal has failed: an outage that no pull has noticed. ENDS IN says how long that lasts.",
  fetching: "There is none yet, or it has ended; a fetch is under way, and callers wait for it.",
  "backing-off":
    "There is none, because the last fetch failed. NEXT FETCH IN says when it is tried again; LAST FAILURE says why.",
  empty: "There is none, and none is fetched until somebody asks.",
};
