/** Text of the man pages beyond the help: exit statuses, examples, files. */
import { CREDENTIALS_SOCKET, HEALTH_GROUP, HEALTH_SOCKET } from "@ocir-broker/protocol/contract";
import { STATE_TRANSITIONS, STATES } from "../../status-states.ts";
import type { Item } from "./roff.ts";

export const CONFIG_PAGE = { name: "ocir-broker.yaml", section: 5 } as const;

export const FILES: readonly Item[] = [
  [
    "/etc/ocir-broker/config.yaml",
    `The configuration, ${CONFIG_PAGE.name}(5); it may be absent, since every key has a default.`,
  ],
  [CREDENTIALS_SOCKET, "The socket from which the kubelet's plugin gets credentials; only root can use it."],
  [HEALTH_SOCKET, `The health socket, for root and the group ${HEALTH_GROUP}. It shows no secret.`],
];

export const DEFAULT_EXIT_STATUS =
  "0: success. 1: failure, with one line on standard error. 2: wrong command line, with one line on standard error.";

export const EXIT_STATUS: Readonly<Record<string, string>> = {
  "ocir-broker docker-credential":
    "0: success. 1: failure, with one line on standard output, as the protocol requires. 2: wrong command line.",
  "ocir-broker status":
    "0: success. 1: failure, or the daemon is degraded: a fetch fails that a pull needs. 2: wrong command line.",
  "ocir-broker doctor":
    "0: no problem. 1: a problem. 2: no problem was found, but a check could not be made, or the command line is wrong.",
};

/** Keyed by the command's path. */
export const MORE_SECTIONS: Readonly<Record<string, readonly (readonly [title: string, items: readonly Item[]])[]>> = {
  "ocir-broker status": [["STATES", [...Object.entries(STATES), ["transitions", STATE_TRANSITIONS]]]],
};

const IMAGE = "icn.ocir.io/mytenancy/shop/web:1.4";
const KUBELET_CONFIG = "/etc/kubernetes/credential-provider-config.yaml";

/** At least one for each command; a test parses them. */
export const EXAMPLES: Readonly<Record<string, readonly Item[]>> = {
  "ocir-broker": [
    [`ocir-broker doctor ${IMAGE}`, "Why does this pull fail on this node?"],
    ["ocir-broker status", "How old are the session and the tokens, and when are they renewed?"],
  ],
  "ocir-broker serve": [
    [
      "ocir-broker serve --config ./config.yaml",
      "Run the daemon by hand. On a node, systemctl start ocir-broker.service does this.",
    ],
  ],
  "ocir-broker docker-credential": [
    [
      "ocir-broker docker-credential < registry-host.txt",
      "Print a user name and a token in the form that docker reads.",
    ],
  ],
  "ocir-broker get": [
    [`ocir-broker get ${IMAGE}`, "Print what the kubelet would get for this image."],
    [
      "ocir-broker get --output password icn.ocir.io/mytenancy/shop/web | " +
        "skopeo login --username BEARER_TOKEN --password-stdin icn.ocir.io",
      "Log another client in until the token expires.",
    ],
  ],
  "ocir-broker status": [
    ["ocir-broker status --watch", "Watch an outage: how long each token still lasts."],
    ["ocir-broker status --output json", "All fields, for a program."],
    ["ocir-broker status --user", "The broker of this user alone."],
  ],
  "ocir-broker doctor": [
    [`ocir-broker doctor ${IMAGE}`, "Check everything that this pull needs; run it as root."],
    ["ocir-broker doctor --output json", "The same without an image, for a program."],
    ["ocir-broker doctor --record transcript.json", "Record the responses of Oracle's services, for a bug report."],
    [
      "ocir-broker doctor --identity user icn.ocir.io/mytenancy/shop/web:1.4",
      "On a laptop: the API key, and whether it may read the image.",
    ],
  ],
  "ocir-broker config": [
    ["ocir-broker config check ./config.yaml", "Report each error with its line before the file is installed."],
    ["ocir-broker config print", "Print the configuration in force, with defaults and environment."],
    ["ocir-broker config schema > ocir-broker.schema.json", "For an editor that completes keys."],
  ],
  "ocir-broker kubelet-config": [
    [
      `ocir-broker kubelet-config check --kubelet-version 1.33 --image ${IMAGE} ${KUBELET_CONFIG}`,
      "Would a kubelet 1.33 start with this file, and call our credential provider for this image?",
    ],
    [
      `ocir-broker kubelet-config merge --write ${KUBELET_CONFIG}`,
      "Add our entry and keep everything else. The kubelet reads the file at its next start.",
    ],
  ],
  "ocir-broker node": [
    ["ocir-broker node install --from . --dry-run", "In an unpacked archive: show each step, and change nothing."],
    ["ocir-broker node connect", "Add it to the kubelet's configuration, and show what the kubelet still needs."],
    ["ocir-broker node status", "Show what is installed and what was changed for the kubelet."],
    ["ocir-broker node remove", "Remove it, and restore what was there before."],
  ],
  "ocir-broker completion": [
    ["ocir-broker completion bash > /etc/bash_completion.d/ocir-broker", "For bash, if no package has installed it."],
  ],
  "ocir-broker disable": [
    ["ocir-broker disable", "Stop using ocir-broker on this node, if pulls fail and it may be the cause."],
  ],
  "ocir-broker enable": [["ocir-broker enable", "Use ocir-broker on this node again."]],
  "ocir-broker version": [["ocir-broker version", "For a bug report."]],
};
