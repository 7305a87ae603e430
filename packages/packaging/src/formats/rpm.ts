/** Builds the .rpm with rpmbuild from a generated spec, for both architectures on one machine. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DOCUMENTATION, type InstalledFile, type MakePackage, writeTree } from "../contents/installed-tree.ts";
import { finished } from "../finished.ts";
import { CHECKOUT, maintainerOf, packageVersion, type Release } from "../release.ts";

/** Disables rpmbuild's dependency search, compression and stripping, so that the programs stay unchanged, and hides the build host. */
const MACROS = {
  _buildhost: "localhost",
  use_source_date_epoch_as_buildtime: "1",
  source_date_epoch_from_changelog: "0",
  clamp_mtime_to_source_date_epoch: "1",
  build_mtime_policy: "clamp_to_source_date_epoch",
  _binary_payload: "w3.xzdio",
  _build_id_links: "none",
  debug_package: "%{nil}",
  __os_install_post: "%{nil}",
} as const;

export const makeRpm: MakePackage = async (target, release, installed, places) => {
  const name = `ocir-broker-${packageVersion(release)}-1.${target.machine}.rpm`;
  const top = join(places.work, "rpm");
  const root = join(top, "tree");
  rmSync(top, { recursive: true, force: true });
  const licence: InstalledFile = { path: LICENCE_PATH, mode: 0o644, from: join(CHECKOUT, "LICENSE") };
  const files = [...installed, licence];
  writeTree(root, files);
  writeFileSync(join(top, "ocir-broker.spec"), spec(release, root, files));
  const macros = Object.entries({ ...MACROS, _topdir: top }).flatMap(([key, value]) => ["--define", `${key} ${value}`]);
  await finished("rpmbuild", [...macros, "--target", `${target.machine}-linux`, "-bb", join(top, "ocir-broker.spec")], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(release.epochS) },
  });
  renameSync(join(top, "RPMS", target.machine, name), join(places.output, name));
  return name;
};

const LICENCE_PATH = "/usr/share/licenses/ocir-broker/LICENSE";

function spec(release: Release, root: string, files: readonly InstalledFile[]): string {
  return `Name: ocir-broker
Version: ${packageVersion(release)}
Release: 1
Summary: Registry credentials for OCIR on OKE nodes, kept fresh in memory
License: Apache-2.0
Packager: ${maintainerOf(release)}
AutoReqProv: no
Requires: libc.so.6(GLIBC_2.28)(64bit)
Requires: libstdc++.so.6(GLIBCXX_3.4.21)(64bit)
Requires: systemd >= 239
Requires(post): /bin/sh systemd
Requires(preun): /bin/sh systemd

%description
Pulls private images of Oracle's container registry without passwords and
without waiting: a daemon keeps the node's session and one token per registry
host, and a tiny program answers the kubelet from it.

The kubelet's flags and configuration are left alone.

%install
cp -a ${root}/. %{buildroot}/

%post
/usr/libexec/ocir-broker/ocir-broker node install >/dev/null

%preun
if [ "$1" = 0 ] && [ -e /usr/libexec/ocir-broker/ocir-broker ]; then /usr/libexec/ocir-broker/ocir-broker node remove >/dev/null; fi

%postun
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi

%files
%defattr(-,root,root,-)
%dir /usr/libexec/ocir-broker
%dir /usr/share/licenses/ocir-broker
%dir ${DOCUMENTATION}
%dir ${DOCUMENTATION}/examples
${files.map(fileLine).join("\n")}

%changelog
* ${changelogDate(release)} ${maintainerOf(release)} - ${packageVersion(release)}-1
- The changes are in ${DOCUMENTATION}/CHANGELOG.md.
`;
}

/** "Tue Nov 24 2026" */
function changelogDate({ epochS }: Release): string {
  const [weekday = "", day, month, year] = new Date(epochS * 1000).toUTCString().split(" ");
  return `${weekday.replace(",", "")} ${month} ${day} ${year}`;
}

function fileLine({ path, mode }: InstalledFile): string {
  const kind = path === LICENCE_PATH ? "%license " : path.startsWith(DOCUMENTATION) ? "%doc " : "";
  return `${kind}%attr(${mode.toString(8)},root,root) ${path}`;
}
