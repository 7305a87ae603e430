/**
 * ocir-broker-node.sh at a first boot, for each state of the image's kubelet, error and bootstrap of an image, for each way to give the
 * kubelet arguments, and for wrong settings: every node joins, and its kubelet starts with what is on the disk.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { behaviour, FAULTS } from "./first-boot/faults.ts";
import { lackOfRooms, runInRoom, scriptOfRelease } from "./first-boot/room.ts";
import { isLongRun } from "./long-run.ts";

const STATES = ["stopped", "crash-looping", "active", "oke.service"];
const LABELS = "--node-labels=team=a";

/** How an image is bootstrapped, the script's other arguments, and the bootstrap that runs, with the first of its arguments. */
const IMAGES = {
  oke: {
    arrange: "image_has oke-init.sh",
    args: "--apiserver-host 10.0.0.1 --ca a",
    runs: "oke --apiserver-host 10.0.0.1 --ca a",
  },
  "oke and oke-install.sh": {
    arrange: "image_has oke-install.sh",
    args: `--apiserver-endpoint 10.0.0.1 --kubelet-ca-cert "it's one word"`,
    runs: "oke-install --apiserver-endpoint 10.0.0.1 --kubelet-ca-cert it's one word",
  },
  "oke-install.sh": {
    arrange: "no_oke; image_has oke-install.sh",
    args: "--apiserver-endpoint 10.0.0.1 --kubelet-ca-cert a",
    runs: "oke-install --apiserver-endpoint 10.0.0.1 --kubelet-ca-cert a",
  },
  oke_init_script: { arrange: "no_oke; image_has oke-init.sh", args: "", runs: "oke-init" },
  "oke-init.service": { arrange: "no_oke; : >/etc/oke-init-unit", args: "", runs: "" },
} as const;

type Case = readonly [state: string, fault: string, image: string];

/** Each fault once, and each state with each image; in a long run each with each other. */
function cases(): Case[] {
  const [faults, images] = [Object.keys(FAULTS), Object.keys(IMAGES)];
  if (isLongRun)
    return STATES.flatMap((state) => faults.flatMap((fault) => images.map((image): Case => [state, fault, image])));
  const length = STATES.length * images.length;
  return Array.from({ length }, (_, at): Case => {
    const state = STATES[at % STATES.length] ?? "";
    return [state, faults[at % faults.length] ?? "", images[Math.floor(at / STATES.length)] ?? ""];
  });
}

describeUnless(lackOfRooms(), "ocir-broker-node.sh at a first boot", () => {
  it.each(cases())("makes a node join whose kubelet is %s: %s, on an image with %s", async (state, fault, image) => {
    const { arrange = "", code, limitS } = FAULTS[fault] ?? {};
    const boot = IMAGES[image as keyof typeof IMAGES];
    const printed = await runInRoom({
      script: scriptOfRelease(limitS),
      scenario: `
        kubelet_is ${state}
        ${boot.arrange}
        ${arrange}
        export KUBELET_EXTRA_ARGS=${LABELS}
        first_boot sh "$out/script" ${boot.args} --kubelet-extra-args --v=2 >$out/log 2>&1
        echo "status $?, $(cat /run/bootstraps), $(cat /etc/kubernetes/kubelet.conf)"
        cat /run/ocir-broker-metrics/*.prom
        echo "call: $(tail -n 1 /run/tries)"
        echo "arguments: $(cat /run/kubelet-args)"
        kubelet $(cat /run/kubelet-args) $(sed -n 's/^Environment="KUBELET_EXTRA_ARGS=\\(.*\\)"/\\1/p' /etc/kubelet-unit)
        tail -n 20 $out/log`,
    });
    expect(printed).toMatch(/^status 0, bootstrapped, new\n/);
    expect(printed).toMatch(/^starts$/m);
    const isBootstrapped = state === "active" || state === "oke.service" || image === "oke-init.service";
    expect(printed.includes(`arguments: ${LABELS} --v=2`)).toBe(!isBootstrapped);
    if (!isBootstrapped) expect(printed).toContain(`call: ${boot.runs} --kubelet-extra-args ${LABELS} --v=2`);
    if (code === undefined) expect(printed).not.toContain("install_failed");
    else expect(printed).toContain(`ocir_broker_install_failed{reason="${code}"} 1`);
    if (isBootstrapped)
      expect(printed).toContain(`ERROR: the kubelet was bootstrapped by its image, without ${LABELS} --v=2`);
  });

  it("removes the flags again from a kubelet that does not run with them, and reports it", async () => {
    const printed = await runInRoom({
      scenario: `
        kubelet_is active
        : >/etc/kubelet-refuses-flags
        first_boot sh "$out/script" 2>&1
        grep -c image-credential /etc/kubelet-unit
        wc -l </run/restarts
        cat /run/ocir-broker-metrics/*.prom`,
    });
    expect(printed).toMatch(/ERROR: .* no ocir-broker: kubelet-restart: .*\n0\n3\n.*"kubelet-restart"/);
  });

  it("leaves the flags of a kubelet that systemd starts later, and reports no failure", async () => {
    const printed = await runInRoom({
      scenario: `
        kubelet_is active
        ${behaviour("kubelet-is-unseen")}
        first_boot sh "$out/script" 2>&1
        echo "status $?, $(grep -c image-credential /etc/kubelet-unit)"
        ls /run/ocir-broker-metrics`,
    });
    expect(printed).toMatch(/ocir-broker: kubelet-unseen: .*\nstatus 0, 1\n$/);
    expect(printed).not.toContain("ERROR");
  });

  it("repeats a bootstrap that fails, and ends with the status of the last one", async () => {
    const printed = await runInRoom({
      script: scriptOfRelease().replace("sleep 15", "sleep 0").replace("patience=600", "patience=45"),
      scenario: `
        for failures in 2 9; do
          rm -rf /run/tries /run/ocir-broker*
          kubelet_is stopped
          echo $failures >/etc/failures
          first_boot sh "$out/script" 2>/dev/null
          echo "status $?, $(wc -l </run/tries) tries"
        done`,
    });
    expect(printed).toBe("status 0, 3 tries\nstatus 69, 3 tries\n");
  });

  it("waits for a run that has not ended, and continues if that is killed", async () => {
    const printed = await runInRoom({
      scenario: `
        echo hangs-3 >/etc/behaviour
        sh "$out/script" 2>/dev/null &
        first=$!
        until [ -e /usr/local/bin/credential-provider-oke ]; do sleep 0.02; done
        sh "$out/script" 2>$out/log &
        until grep -q "another run" $out/log; do sleep 0.02; done
        rm /etc/behaviour
        kill -KILL $first
        wait $!
        cat /run/bootstraps $out/log`,
    });
    expect(printed).toMatch(/^bootstrapped\n.*another run has not ended/);
  });
});

describeUnless(lackOfRooms(), "ocir-broker-node.sh gives a bootstrap one --kubelet-extra-args", () => {
  const WAYS = {
    metadata: "--node-labels=way=metadata",
    KUBELET_EXTRA_ARGS: "--register-with-taints=way=variable:NoSchedule",
    argument: "--node-labels=way=argument",
  };
  const { metadata, KUBELET_EXTRA_ARGS, argument } = WAYS;

  it.each<[what: string, given: Partial<typeof WAYS>, between?: string]>([
    ["of the metadata key", { metadata }],
    ["of the variable", { KUBELET_EXTRA_ARGS }],
    ["of an argument", { argument }],
    ["of an argument, after an equals sign", { argument }, "="],
    ["of all three", WAYS],
  ])("with what is %s", async (_, given, between = " ") => {
    const printed = await runInRoom({
      metadata: given.metadata === undefined ? {} : { "kubelet-extra-args": `${given.metadata}\n` },
      scenario: `
        ${given.KUBELET_EXTRA_ARGS === undefined ? "" : `export KUBELET_EXTRA_ARGS='${given.KUBELET_EXTRA_ARGS}'`}
        first_boot sh "$out/script" --cluster-dns 10.96.5.5 ${given.argument === undefined ? "" : `--kubelet-extra-args${between}${given.argument}`} 2>&1
        cat /run/tries`,
    });
    const joined = Object.values(given).join(" ");
    expect(printed).toMatch(
      new RegExp(
        `^oke --cluster-dns 10\\.96\\.5\\.5 --kubelet-extra-args ${joined} --image-credential-provider-config=`,
        "m",
      ),
    );
  });
});

/** A variable, and what its error says. */
const WRONG = [
  ["OCIR_BROKER_SORUCES=/opt", "there is no setting OCIR_BROKER_SORUCES"],
  ["OCIR_BROKER_KUBELET_EXTRA_ARGS=--v=9", "there is no setting OCIR_BROKER_KUBELET_EXTRA_ARGS"],
  ["OCIR_BROKER_BOOTSTRAP=Oke", "bootstrap is Oke, but must be oke, "],
  ["OCIR_BROKER_BOOTSTRAP=noen", "bootstrap is noen, but must be oke, "],
  ['OCIR_BROKER_BOOTSTRAP="none$CR"', "bootstrap is none"],
] as const;

describeUnless(lackOfRooms(), "ocir-broker-node.sh with a wrong setting", () => {
  /** Ignored, or its error would be another: other programs' variables, and lines within a value. */
  const IGNORED = `export OCIR_BROKER_SOCKET=/s OCIR_BROKER_STATE_FILE=/s OCIR_BROKER_KUBELET_RESTART=x
    export OCIR_BROKER_VERSION=1 OTHER="$(printf 'a\\nOCIR_BROKER_SORUCES=x\\nOCIR_BROKER_BOOTSTRAP=none')"`;

  it.each(["dash", "bash"])(
    "joins in %s without ocir-broker, and console, journal and metric say why",
    async (shell) => {
      const steps = WRONG.map(
        ([variable]) => `
      rm -rf /run/ocir-broker* /run/tries /run/bootstraps /run/kubelet-args && kubelet_is stopped
      : >/run/console >/run/journal
      (export ${variable}; first_boot ${shell} "$out/script" --kubelet-extra-args ${LABELS}) >/dev/null 2>&1
      echo "$(cat /run/bootstraps): $(cat /run/kubelet-args)"
      cat /run/ocir-broker-metrics/*.prom
      cat /run/console
      grep ERROR /run/journal
      echo end`,
      );
      const printed = await runInRoom({ scenario: `CR=$(printf '\\r')\n${IGNORED}\n${steps.join("\n")}` });
      const results = printed.split(/^end$/m);
      for (const [at, [variable, said]] of WRONG.entries()) {
        const result = results[at] ?? "";
        expect([variable, result.trimStart().split("\n").slice(0, 2)]).toEqual([
          variable,
          [`bootstrapped: ${LABELS}`, 'ocir_broker_install_failed{reason="settings"} 1'],
        ]);
        expect(result.split(`no ocir-broker: settings: ${said}`)).toHaveLength(3);
      }
    },
  );
});
