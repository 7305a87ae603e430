/**
 * ocir-broker-node.sh at a first boot, for each state of the image's kubelet, error and bootstrap of an image, and for misspelt
 * settings: every node joins, and its kubelet starts with what is on the disk.
 */
import { expect, it } from "vitest";
import { describeUnless } from "./describe-unless.ts";
import { FAULTS } from "./first-boot/faults.ts";
import { lackOfRooms, runInRoom, scriptOfRelease } from "./first-boot/room.ts";
import { isLongRun } from "./long-run.ts";

const STATES = ["stopped", "crash-looping", "active", "oke.service"];
const LABELS = "--node-labels=team=a";

/** How an image is bootstrapped, the arguments after `--`, and the bootstrap that runs, with the first of its arguments. */
const IMAGES = {
  oke: { arrange: "image_has oke-init.sh", after: "", runs: "oke" },
  "oke and oke-install.sh": {
    arrange: "image_has oke-install.sh",
    after: `-- --apiserver-endpoint 10.0.0.1 --kubelet-ca-cert "it's one word"`,
    runs: "oke-install --apiserver-endpoint 10.0.0.1 --kubelet-ca-cert it's one word",
  },
  "oke, with the other's arguments": {
    arrange: ":",
    after: "-- --apiserver-endpoint 10.0.0.1 --kubelet-ca-cert a",
    runs: "oke --apiserver-host 10.0.0.1 --ca a",
  },
  "oke-install.sh": {
    arrange: "no_oke; image_has oke-install.sh",
    after: "-- --apiserver-host 10.0.0.1 --ca a",
    runs: "oke-install --apiserver-endpoint 10.0.0.1 --kubelet-ca-cert a",
  },
  oke_init_script: { arrange: "no_oke; image_has oke-init.sh", after: "", runs: "oke-init" },
  "oke-init.service": { arrange: "no_oke; : >/etc/oke-init-unit", after: "", runs: "" },
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
        first_boot sh "$out/script" --kubelet-extra-args ${LABELS} --kubelet-extra-args --v=2 ${boot.after} >$out/log 2>&1
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
    if (isBootstrapped) expect(printed).toContain(`ERROR: the kubelet was bootstrapped before, without ${LABELS}`);
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
    expect(printed).toMatch(/bootstrapped, without ocir-broker: kubelet-restart: .*\n0\n3\n.*"kubelet-restart"/);
  });

  it("restarts no kubelet whose unit has no line for the flags", async () => {
    const printed = await runInRoom({
      scenario: `
        kubelet_is active
        sed -i /^Environment/d /etc/kubelet-unit
        first_boot sh "$out/script" 2>&1
        wc -l </run/restarts`,
    });
    expect(printed).toMatch(/without ocir-broker: kubelet-flags: .*\n1\n$/);
  });

  it("repeats a bootstrap that fails, and ends with the status of the last one", async () => {
    const printed = await runInRoom({
      script: scriptOfRelease().replace("sleep 15", "sleep 0").replace("patience=600", "patience=45"),
      scenario: `
        for failures in 2 9; do
          rm -rf /run/tries /run/ocir-broker*
          kubelet_is stopped
          echo $failures >/etc/failures
          first_boot sh "$out/script" --sources /opt 2>/dev/null
          echo "status $?, $(wc -l </run/tries) tries"
        done`,
    });
    expect(printed).toBe("status 0, 3 tries\nstatus 69, 3 tries\n");
  });

  it("ends with the result of a run that has not ended, and continues if that is killed", async () => {
    const printed = await runInRoom({
      scenario: `
        echo hangs-5 >/etc/behaviour
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

/** Words of a call, what its error has, and the kubelet's arguments; undefined if the node is not bootstrapped. */
const MISSPELT: readonly (readonly [words: string, said: string, args?: string | null])[] = [
  ["OCIR_BROKER_SORUCES=/opt", "OCIR_BROKER_SORUCES (is it --sources?)"],
  ["OCIR_BROKER_SOURCE=/opt", "OCIR_BROKER_SOURCE (is it --sources?)"],
  ["OCIR_BROKER_BOOTSTRP=oke", "OCIR_BROKER_BOOTSTRP (is it --bootstrap?)"],
  ["OCIR_BROKER_SHA256_AMD=x", "OCIR_BROKER_SHA256_AMD (is it --sha256_amd64?)"],
  ["OCIR_BROKER_SERVICE_ACCOUNT=x", "OCIR_BROKER_SERVICE_ACCOUNT (is it --service_accounts?)"],
  ["OCIR_BROKER_CONFG=/x", "OCIR_BROKER_CONFG (is it --config?)"],
  ["OCIR_BROKER_KUBELET_ARGS=--v=9", "OCIR_BROKER_KUBELET_ARGS (is it --kubelet_extra_args?)", `--v=9 ${LABELS}`],
  ["OCIR_BROKER_BOOTSTRAP=Oke", "--bootstrap Oke (oke, "],
  ["OCIR_BROKER_BOOTSTRAP=oke_install", "--bootstrap oke_install (oke, "],
  ["OCIR_BROKER_BOOTSTRAP=noen", "--bootstrap noen (oke, ", null],
  ["--bootstrap auto", "--bootstrap auto"],
  ["OCIR_BROKER_BOOTSTRAP=runing --bootstrap auto", "unknown: --bootstrap auto"],
  ["--bootstrap okee", "--bootstrap okee (oke, "],
  ["--bootstrap runing", "--bootstrap runing (oke, "],
  ["--bootstrap Running", "--bootstrap Running (oke, "],
  ["--bootstrap non", "--bootstrap non (oke, ", null],
  ["--bootstrap NONE", "--bootstrap NONE (oke, ", null],
  ['--bootstrap "none$CR"', "--bootstrap has a line break", null],
  ["--boostrap none", "--boostrap (is it --bootstrap?)", null],
  ["--bootstrap=none", "unknown: --bootstrap=none", null],
  ['OCIR_BROKER_SOURCES="/opt$LF/x"', "OCIR_BROKER_SOURCES has a line break"],
  ['OCIR_BROKER_SOURCES="/opt$CR"', "OCIR_BROKER_SOURCES has a line break"],
  ['KUBELET_EXTRA_ARGS="--v=3$CR$LF--v=4"', "KUBELET_EXTRA_ARGS has a line break", `--v=3 --v=4 ${LABELS}`],
  ['--config "/x$CR"', "--config has a line break"],
  ["--runnig", "--runnig (is it --running?)"],
  ["running", "unknown: running (is it --running?)"],
  ["--source /opt", "--source (is it --sources?)"],
  ["--sources=/opt", "unknown: --sources=/opt"],
  ["--sources=https://b.example/p/secret/", "unknown: --sources=https://... (is it --sources?)"],
  ["-sources /opt", "-sources (is it --sources?)"],
  ["sources /opt", "unknown: sources (is it --sources?)"],
  ["/opt", "unknown: /opt"],
  ["''", "unknown: "],
  ["--apiserver-endpoint 10.0.0.1", "unknown: --apiserver-endpoint"],
  ["--kubelet-extra-arg --v=4", "--kubelet-extra-arg (is it --kubelet_extra_args?)", `${LABELS} --v=4`],
  ["--kubelet-extra-args=--v=4", "unknown: --kubelet-extra-args=--v=4", `${LABELS} --v=4`],
  ["--sources", "--sources has no value"],
  ["--sources --service-accounts x", "--sources has no value"],
  ["--service-accounts --dry-run", "--service-accounts has no value"],
  ["--kubelet-extra-args", "--kubelet-extra-args has no value"],
  ["-- --kubelet-extra-args --v=5", "--kubelet-extra-args comes before --", `${LABELS} --v=5`],
];

describeUnless(lackOfRooms(), "ocir-broker-node.sh with a wrong setting", () => {
  const CALL = `CR=$(printf '\\r') LF=$(printf '\\nx') && LF=\${LF%x}
    call() { # Words that are variables come first.
      while :; do case \${1-} in OCIR*=* | KUBELET*=*) export "$1" && shift ;; *) break ;; esac; done
      "$shell" "$out/script" --kubelet-extra-args ${LABELS} "$@" $after
    }`;
  /** Ignored: other programs' variables, and lines within a value. */
  const IGNORED = `export OCIR_BROKER_SOCKET=/s OCIR_BROKER_STATE_FILE=/s OCIR_BROKER_DOCS_URL=x OCIR_BROKER_KUBELET_RESTART=x
    export OCIR_BROKER_VERSION=1 OTHER="a\${LF}OCIR_BROKER_SORUCES=x\${LF}OCIR_BROKER_BOOTSTRAP=none"`;

  it.each(["dash", "bash"])(
    `says so in %s for ${MISSPELT.length} ways: a first boot joins, and a person changes nothing`,
    async (shell) => {
      const steps = MISSPELT.map(
        ([words]) => `
      after='-- --cluster-dns 10.96.5.5'
      case "${words.replaceAll('"', "")}" in "-- "*) after='--cluster-dns 10.96.5.5' ;; esac
      rm -rf /run/ocir-broker* /run/tries /run/bootstraps /run/kubelet-args && kubelet_is stopped
      touch /run/before
      (call ${words}) 2>$out/log
      echo "person: $?, $(find /run /etc/kubernetes /usr/libexec -newer /run/before -type f ! -name journal ! -name console)"
      cat $out/log
      (first_boot call ${words}) 2>$out/log
      echo "first boot: $(cat /run/bootstraps 2>&1): $(cat /run/kubelet-args 2>&1): $(cat /run/tries 2>&1)"
      cat /run/ocir-broker-metrics/*.prom
      grep ERROR $out/log && echo end`,
      );
      const printed = await runInRoom({
        scenario: `shell=${shell}\n${CALL}\n${IGNORED}\n${steps.join("\n")}`,
      });
      const results = printed.split(/^end$/m);
      for (const [at, [words, said, args = LABELS]] of MISSPELT.entries()) {
        const result = results[at] ?? "";
        const [person = "", boot = ""] = result.split(/^first boot: /m);
        expect([words, person]).toEqual([
          words,
          expect.stringMatching(/^\n?person: 2, \n.*ERROR: nothing was changed/s),
        ]);
        expect(person).toContain(said);
        expect(boot).toContain(said);
        expect(result).not.toContain("secret");
        expect(boot).toContain('{reason="settings"} 1');
        if (args === null) expect([words, boot]).toEqual([words, expect.stringMatching(/^cat: .*bootstraps/)]);
        else {
          expect([words, boot.split(": ").slice(0, 2)]).toEqual([words, ["bootstrapped", args]]);
          expect(boot).toContain("--cluster-dns 10.96.5.5");
        }
      }
    },
  );

  it("joins with a script whose line ends are CRLF, without ocir-broker", async () => {
    const printed = await runInRoom({
      script: scriptOfRelease().replaceAll("\n", "\r\n"),
      scenario: `for shell in dash bash; do first_boot $shell "$out/script" 2>&1; done; cat /run/bootstraps`,
    });
    expect(printed.match(/settings: unknown: CRLF line ends(?:$|\. No reboot tries again)/gm)?.length).toBe(4);
    expect(printed).toMatch(/(?:^bootstrapped\n){2}$/m);
  });

  it("runs no other file when it is read from stdin", async () => {
    const printed = await runInRoom({
      scenario: `cd /run && for shell in dash bash sh; do
          printf ': >/run/owned\\r' >$shell
          $shell <"$out/script" 2>&1
          rm $shell && mkfifo $shell
          $shell <"$out/script" 2>&1
        done; [ -e /run/owned ] || echo not run`,
    });
    expect(printed).toMatch(/^not run$/m);
  });
});
