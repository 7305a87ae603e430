/** Everything on a node that an installation could change, to check that nothing remains or is lost. */
import type { OkeNode } from "./oke-node.ts";

/** For each file: kind, mode, owner, size, a link's target, time, content. Copies under other names. The units' states. */
const SNAPSHOT = `
find /etc/kubernetes /etc/ocir-broker /etc/systemd/system /etc/default /usr/local/bin /usr/local/libexec /usr/libexec \\
  /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/share/doc/ocir-broker /var/lib/ocir-broker /opt/plugins \\
  ! -type d -printf '%p %y %m %U:%G %s %l %T@ ' -exec sh -c 'if [ -L "$1" ]; then echo; else sha256sum <"$1"; fi' sh {} ';' |
  sort
find /etc /opt/plugins /usr /var/lib -name '*.ocir-broker-*' ! -path '*/man1/*'
for state in enabled active; do systemctl is-$state ocir-broker.socket ocir-broker.service kubelet.service; done
`;

export async function snapshotOf({ root }: OkeNode): Promise<string> {
  const { stdout } = await root.exec("sh", ["-c", SNAPSHOT]);
  // The installer may write it again, with the same content.
  return stdout.replace(/(installation\.json .*?)\d+\.\d{10} /g, "$1");
}
