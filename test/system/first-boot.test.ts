/**
 * ocir-broker-node.sh at a first boot, with a stand-in for the archive's program: whatever fails, and wherever the kubelet's flags come
 * from, the node is bootstrapped and its kubelet starts with what is on the disk.
 */

import { createSeededRandom } from "@ocir-broker/testkit/seeded-random";
import { expect, it } from "vitest";
import { nodeClassWith, userDataOf } from "../karpenter.ts";
import { describeUnless } from "./describe-unless.ts";
import { ALWAYS, behaviour, FAULTS } from "./first-boot/faults.ts";
import { lackOfRooms, runInRoom, scriptOfRelease, VERSION } from "./first-boot/room.ts";
import { isLongRun } from "./long-run.ts";

const CONFIG_FLAG = "--image-credential-provider-config";
const BIN_DIR_FLAG = "--image-credential-provider-bin-dir";
const DEFAULTS = `${CONFIG_FLAG}=/etc/kubernetes/credential-provider-config.yaml ${BIN_DIR_FLAG}=/usr/local/bin`;
const ELSEWHERE = `${CONFIG_FLAG}=/opt/plugins/config/providers.yaml ${BIN_DIR_FLAG}=/opt/plugins/bin`;
const OLDER = `mkdir /opt/older
sed s/version=${VERSION}/version=0.0.9/ "$archives"/*/install.sh >/opt/older/install.sh
sh /opt/older/install.sh "--kubelet-args=$elsewhere" 2>/dev/null >&2`;

/** Where the kubelet's flags come from. */
const ORIGINS = {
  /** Some images' bootstraps read the key themselves. */
  metadata: {
    metadata: { "kubelet-extra-args": `--v=1 ${ELSEWHERE}` },
    judge: `kubelet $(cat /run/kubelet-args); kubelet ${ELSEWHERE}`,
  },
  "the caller": { args: `--kubelet-extra-args '--v=1 ${ELSEWHERE}'`, judge: "kubelet $(cat /run/kubelet-args)" },
  KUBELET_EXTRA_ARGS: {
    arrange: `export KUBELET_EXTRA_ARGS='${ELSEWHERE}'`,
    judge: "kubelet $(cat /run/kubelet-args)",
  },
  "the image's unit": {
    arrange: `printf '[Service]\\nEnvironment="KUBELET_EXTRA_ARGS=${ELSEWHERE}"\\n' >/etc/kubelet-unit`,
    judge: `kubelet ${ELSEWHERE} $(cat /run/kubelet-args 2>/dev/null)`,
  },
  "another program (none)": { arrange: "export OCIR_BROKER_BOOTSTRAP=none", judge: `kubelet ${DEFAULTS}` },
  Karpenter: {
    arrange: "image_has oke-install.sh",
    bootWith: (script: string) => userDataOf(nodeClassWith(script)),
    judge: "kubelet $(cat /run/kubelet-args)",
  },
} as const;

describeUnless(lackOfRooms(), "ocir-broker-node.sh, whatever fails,", () => {
  for (const [at, [origin, { judge, ...given }]] of Object.entries(ORIGINS).entries()) {
    // Karpenter's nodes are new.
    const upgrades = origin === "Karpenter" ? [false] : [false, true];
    const all = Object.keys(FAULTS).flatMap((fault) => upgrades.map((isUpgrade) => [fault, isUpgrade] as const));
    const isChosen = (fault: string, index: number) => isLongRun || ALWAYS.includes(fault) || index % 3 === at % 3;
    it.each(all.filter(([fault], index) => isChosen(fault, index)))(
      `leaves a kubelet with flags from ${origin} that starts: %s, over an older version: %s`,
      async (fault, isUpgrade) => {
        const { arrange = "", code, limitS } = FAULTS[fault] ?? {};
        const script = scriptOfRelease(limitS);
        const printed = await runInRoom({
          ...("metadata" in given ? { metadata: given.metadata } : {}),
          script: "bootWith" in given ? given.bootWith(script) : script,
          scenario: `
            elsewhere='${judge.includes(ELSEWHERE) ? ELSEWHERE : DEFAULTS}'
            ${"arrange" in given ? given.arrange : ""}
            ${isUpgrade ? OLDER : ""}
            ${arrange}
            chmod 755 "$out/script"
            "$out/script" ${"args" in given ? given.args : ""} >$out/log 2>&1
            echo "status $?, $(cat /run/bootstraps 2>/dev/null)"
            cat /run/ocir-broker-metrics/*.prom
            ${judge}
            tail -n 20 $out/log`,
        });
        expect(printed).toMatch(origin.includes("none") ? /^status 0, $/m : /^status 0, bootstrapped$/m);
        expect(printed.match(/^starts$/gm)?.length, printed).toBe(judge.split(";").length);
        if (code === undefined) expect(printed).not.toContain("install_failed");
        else expect(printed).toContain(`ocir_broker_install_failed{reason="${code}"} 1`);
      },
    );
  }
});

describeUnless(lackOfRooms(), "ocir-broker-node.sh, when it is killed,", () => {
  const REBOOTS = isLongRun ? 100 : 5;
  /** A run of the script with the stand-in takes about half a second; one that restarts the kubelet 2 s. */
  const [LONGEST_MS, LONGEST_WITH_RESTART_MS] = [700, 2_500];

  it(`bootstraps the node at the next boot, after each of ${REBOOTS} power cuts at random moments`, async () => {
    const printed = await runInRoom({
      scenario: `
        for cut in ${moments(LONGEST_MS)}; do
          rm -rf /run/ocir-broker* /run/bootstraps /run/kubelet-args /run/kubelet-pid
          unshare -pf --kill-child sh "$out/script" 2>/dev/null &
          sleep $cut
          kill -KILL $!
          wait $!
          echo "cut: $(kubelet $(cat /run/kubelet-args 2>/dev/null))"
          rm -rf /run/ocir-broker* /run/bootstraps /run/kubelet-args /run/kubelet-pid
          sh "$out/script" 2>$out/log || cat $out/log
          echo "booted: $(cat /run/bootstraps) $(kubelet $(cat /run/kubelet-args))"
          [ $(find /run/ocir-broker-metrics /usr/libexec/ocir-broker-node -type f 2>/dev/null | wc -l) = 0 ] || echo left
          # The next one installs again.
          rm -rf /usr/libexec/ocir-broker /usr/local/bin/credential-provider-oke /etc/kubernetes/*
        done`,
      limitMs: 300_000,
    });
    expect(printed).toBe("cut: starts\nbooted: bootstrapped starts\n".repeat(REBOOTS));
  });

  it(`adds the flags at the next boot of an image that bootstraps itself, after each of ${REBOOTS} power cuts`, async () => {
    const printed = await runInRoom({
      scenario: `
        boot() {
          rm -rf /run/ocir-broker* /run/bootstraps /run/kubelet-pid /run/activating
          image_s=0.3 && kubelet_is oke.service
          sh "$out/script"
        }
        judge() { kubelet $(sed -n 's/^Environment="KUBELET_EXTRA_ARGS=\\(.*\\)"/\\1/p' /etc/kubelet-unit); }
        for cut in ${moments(LONGEST_WITH_RESTART_MS)}; do
          first_boot boot 2>/dev/null &
          sleep $cut
          echo 1 | tee $group/cgroup.kill >/dev/null
          wait $!
          echo "cut: $(judge)"
          first_boot boot 2>$out/log || cat $out/log
          echo "booted: $(cat /run/bootstraps) $(judge), $(grep -c image-credential /etc/kubelet-unit) line with flags"
          rm -rf /usr/libexec/ocir-broker /usr/local/bin/credential-provider-oke /etc/kubernetes/* /etc/kubelet-unit
        done`,
      limitMs: 900_000,
    });
    expect(printed).toBe("cut: starts\nbooted: bootstrapped starts, 1 line with flags\n".repeat(REBOOTS));
  });

  /** Seconds until each power cut. */
  function moments(longestMs: number): string {
    const random = createSeededRandom(REBOOTS);
    return Array.from({ length: REBOOTS }, () => ((random() * longestMs) / 1_000).toFixed(3)).join(" ");
  }

  it.each(["HUP", "INT", "TERM"].flatMap((signal) => [`-${signal} $script`, `-${signal} -$script`]))(
    "bootstraps the node after kill %s, and the installer takes back what it has done",
    async (kill) => {
      const printed = await runInRoom({
        scenario: `
          ${behaviour("hangs-3")}
          before=$(find /etc/kubernetes /usr/local/bin /usr/libexec ! -type d ! -name kubelet.conf)
          setsid env --default-signal=INT sh "$out/script" 2>$out/log &
          script=$!
          until [ -e /run/hangs ]; do sleep 0.02; done
          kill ${kill}
          wait $script
          echo "status $?"
          cat /run/bootstraps
          [ "$before" = "$(find /etc/kubernetes /usr/local/bin /usr/libexec ! -type d ! -name kubelet.conf)" ] || echo files are left
          pgrep -fl 'install.sh|sleep 600'
          grep ERROR $out/log`,
      });
      expect(printed).toMatch(/^status 0\nbootstrapped\nocir-broker-node: ERROR: .* no ocir-broker: killed: .*\n$/);
    },
  );

  it("bootstraps the node if a signal ends its download, and names the signal", async () => {
    const printed = await runInRoom({
      scenario: `
        rm /opt/ocir-broker/*
        node -e 'require("net").createServer(() => fs.writeFileSync("/run/asked", "")).listen(81, () => fs.writeFileSync("/run/listens", ""))' &
        until [ -e /run/listens ]; do sleep 0.02; done
        OCIR_BROKER_SOURCES="http://169.254.169.254:81 /opt/none" setsid sh "$out/script" 2>$out/log &
        script=$!
        until [ -e /run/asked ]; do sleep 0.02; done
        kill -TERM -$script
        wait $script
        echo "status $?"
        cat /run/bootstraps
        grep ERROR $out/log`,
    });
    expect(printed).toMatch(/^status 0\nbootstrapped\nocir-broker-node: ERROR: .* no ocir-broker: killed: .*\n$/);
  });
});

describeUnless(lackOfRooms(), "ocir-broker-node.sh", () => {
  it("takes the archive from the first source that has the right one", async () => {
    const printed = await runInRoom({
      scenario: `
        mkdir /opt/first /opt/second
        mv /opt/ocir-broker/* /opt/second
        for file in /opt/second/*; do echo damaged >"/opt/first/\${file##*/}"; done
        OCIR_BROKER_SOURCES="/opt/none /opt/first file:///opt/none /opt/second" sh "$out/script" 2>&1
        cat /run/kubelet-args`,
    });
    expect(printed).toContain(`\n${DEFAULTS}\n`);
  });

  it("downloads nothing if its version is installed, and installs again if the installed files are incomplete", async () => {
    const printed = await runInRoom({
      scenario: `
        first_boot sh "$out/script" 2>/dev/null
        mv /opt/ocir-broker/*.tar.gz /opt
        export OCIR_BROKER_SERVICE_ACCOUNTS="it's ours"
        first_boot sh "$out/script" 2>&1
        cat /run/kubelet-args
        mv /opt/*.tar.gz /opt/ocir-broker
        ${behaviour("incomplete")}
        first_boot sh "$out/script" 2>&1
        cat /run/bootstraps`,
    });
    expect(printed.match(/is already installed|verified|ERROR.*/g)).toEqual([
      ...["is already installed", "is already installed", "verified"],
    ]);
    expect(printed).toContain(`\n${DEFAULTS}\n`);
    expect(printed).toMatch(/(?:bootstrapped\n){3}$/);
  });

  it("on a running node changes nothing after an error, bootstraps nothing, and exits with 1", async () => {
    const printed = await runInRoom({
      scenario: `
        ${behaviour("fails")}
        before=$(find /etc/kubernetes /usr/local/bin /usr/libexec ! -type d ! -name kubelet.conf)
        OCIR_BROKER_BOOTSTRAP=running sh "$out/script" 2>$out/log
        echo "status $?"
        [ "$before" = "$(find /etc/kubernetes /usr/local/bin /usr/libexec ! -type d ! -name kubelet.conf)" ] || echo files are left
        cat /run/bootstraps $out/log 2>&1`,
    });
    expect(printed).toMatch(/^status 1\ncat: \/run\/bootstraps/);
    expect(printed).toContain("ERROR: this node gets no ocir-broker: connect: the kubelet's");
  });
});
