/** All on a node that an installation could touch, to see that nothing is left or lost of it. */
import type { OkeNode } from "./oke-node.ts";

/** Of each file: kind, mode, owner, size, place of a link, time, content. What is half copied. Of the units: their state. */
const SNAPSHOT = `
find /etc/kubernetes /etc/ocir-broker /etc/systemd/system /etc/default /usr/local/bin /usr/local/libexec /usr/libexec \\
  /usr/lib/systemd/system /usr/lib/sysusers.d /usr/lib/tmpfiles.d /usr/share/doc/ocir-broker /var/lib/ocir-broker /opt/plugins \\
  ! -type d -printf '%p %y %m %U:%G %s %l %T@ ' -exec sh -c 'if [ -L "$1" ]; then echo; else sha256sum <"$1"; fi' sh {} ';' |
  sort
find /etc /opt/plugins /usr /var/lib -name '*.ocir-broker-new'
for state in enabled active; do systemctl is-$state ocir-broker.socket ocir-broker.service kubelet.service; done
`;

export async function snapshotOf({ root }: OkeNode): Promise<string> {
  return (await root.exec("sh", ["-c", SNAPSHOT])).stdout;
}
