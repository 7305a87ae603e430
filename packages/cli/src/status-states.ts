/** The meaning of each STATE of `ocir-broker status`, for its help. */
import type { HealthDetails } from "@ocir-broker/protocol/health";

type State = NonNullable<HealthDetails["session"]>["state"];

export const STATES: Readonly<Record<State, string>> = {
  fresh: "The value is served, and no renewal that was due has failed.",
  stale:
    "The value is still served, but its renewal has failed: an outage that no pull has noticed yet. " +
    "ENDS IN shows how long the value lasts.",
  fetching: "There is no value. A fetch is in flight, and requests wait for it.",
  "backing-off":
    "There is no value, because the last fetch failed. NEXT FETCH IN shows when the next one starts, LAST FAILURE why it failed.",
  empty: "There is no value, and none is fetched until a request needs it.",
};

/** Ends the list of states in the help. */
export const STATE_TRANSITIONS = "docs/reference/cache-states.md lists what leads into and out of each state.";
