/** The packages as files: reproducible bytes, content, results of linters, and running arm64 programs. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "@ocir-broker/testkit/temporary-folder";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import { beforeAll, describe, expect, it } from "vitest";
import { lackOf } from "../../real-registry.ts";
import { describeUnless } from "../describe-unless.ts";
import {
  buildPackages,
  CHECKOUT,
  cannotPackage,
  makePackages,
  PACKAGES,
  packageNamed,
  SOURCES,
} from "./built-packages.ts";

/** Two builds of everything, on a busy machine. */
const BUILD_LIMIT_MS = 900_000;
const ARCHITECTURES = [
  { deb: "amd64", machine: "x86_64", elf: "x86-64" },
  { deb: "arm64", machine: "aarch64", elf: "aarch64" },
] as const;
const PROGRAMS = ["credential-provider-oke", "docker-credential-ocir", "ocir-broker", "ocir-broker-launch"];
/** The library that the executable loads. */
const LIBRARY = "libatomic.so.1";
const VERSION = [
  ...[...PROGRAMS, LIBRARY],
  ...["system", "user"].flatMap((manager) =>
    ["ocir-broker-health.socket", "ocir-broker.service", "ocir-broker.socket"].map(
      (unit) => `root/usr/lib/systemd/${manager}/${unit}`,
    ),
  ),
  "root/usr/lib/sysusers.d/ocir-broker.conf",
  "root/usr/lib/tmpfiles.d/ocir-broker.conf",
  ...["CHANGELOG.md", "codes.md", "examples/config.yaml", "sbom.cdx.json", "third-party-licences.txt"].map(
    (name) => `doc/${name}`,
  ),
];
const FOLDER = "usr/libexec/ocir-broker/package";
const INSTALLED = VERSION.map((name) => `/${FOLDER}/${name}`);

const output = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: "utf8", maxBuffer: 64 << 20 });
const [lackOfLintian, lackOfRpmlint] = [lackOf("lintian"), lackOf("rpmlint")];

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly licenses: readonly [{ readonly license?: { readonly id: string }; readonly expression?: string }];
}

describeUnless(cannotPackage(), "the packages", () => {
  const scratch = temporaryFolder();

  beforeAll(buildPackages, BUILD_LIMIT_MS);

  it("have the same bytes when built in another folder, with another umask", { timeout: BUILD_LIMIT_MS }, () => {
    // Next to dist/packages, so that the copy of node_modules can consist of hard links.
    const copy = join(CHECKOUT, "dist/another/folder");
    rmSync(copy, { recursive: true, force: true });
    mkdirSync(copy, { recursive: true });
    for (const source of SOURCES) {
      cpSync(join(CHECKOUT, source), join(copy, source), {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => !/\/(?:build|\.turbo)$/.test(path),
      });
    }
    execFileSync("cp", ["-al", join(CHECKOUT, "node_modules"), copy]);
    const umask = process.umask(0o077);
    try {
      makePackages(copy, { SOURCE_DATE_EPOCH: output("git", "-C", CHECKOUT, "log", "-1", "--format=%ct").trim() });
      const sums = (folder: string) => readFileSync(join(folder, "SHA256SUMS"), "utf8").split("\n");
      expect(sums(join(copy, "dist/packages"))).toEqual(sums(PACKAGES));
    } finally {
      process.umask(umask);
      rmSync(join(CHECKOUT, "dist/another"), { recursive: true });
    }
  });

  it("have a row in the table of what is in a release, which is their index", () => {
    const table = readFileSync(join(CHECKOUT, "docs/release-files.md"), "utf8");
    expect(readFileSync(join(PACKAGES, "INDEX.txt"), "utf8")).toBe(table);
    const rows = [...table.matchAll(/^\| `([^`]*)`/gm)].map(([, name = ""]) => name.replaceAll(".", "\\."));
    const patterns = rows.map(
      (name) => new RegExp(`^${name.replace("VERSION", "\\d[\\d.]*").replace("ARCH", "\\w+")}$`),
    );
    const names = readdirSync(PACKAGES).filter((name) => !name.startsWith("."));
    expect(names.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toEqual([]);
  });

  it("each image has a source and a bill of materials for each architecture, and all bills follow CycloneDX's own schema", () => {
    const bills = ["ocir-broker-daemonset-", "ocir-pull-secrets-"].flatMap((name) => {
      const { inManifests } = openedImage(name);
      const source = { "org.opencontainers.image.source": expect.stringMatching(/^https:/) };
      return ARCHITECTURES.map(({ deb }) => {
        for (const { annotations } of inManifests(deb)) expect(annotations).toMatchObject(source);
        return join(unpackedImage(name, deb), "sbom.cdx.json");
      });
    });
    const files = readdirSync(PACKAGES)
      .filter((name) => name.endsWith(".cdx.json"))
      .sort();
    const library = fileURLToPath(import.meta.resolve("@cyclonedx/cyclonedx-library/package.json"));
    const schemas = join(library, "../res/schema");
    const read = (path: string) => JSON.parse(readFileSync(path, "utf8"));
    const ajv = addFormats.default(new Ajv({ strict: false, formats: { "iri-reference": true, "idn-email": true } }));
    for (const name of ["spdx", "jsf-0.82"]) {
      const schema = `${name}.SNAPSHOT.schema.json`;
      ajv.addSchema(read(join(schemas, schema)), `http://cyclonedx.org/schema/${schema}`);
    }
    const validate = ajv.compile(read(join(schemas, "bom-1.6.SNAPSHOT.schema.json")));
    const all = [...bills, ...files.map((name) => join(PACKAGES, name))].map(read);
    for (const bill of all) expect([validate(bill), validate.errors]).toEqual([true, null]);
    const names = all.map(({ metadata }) => metadata.component.purl.replace(/@.*?(arch=\w+).*/, " $1"));
    expect(names).toEqual(
      ["ocir-broker-daemonset", "ocir-pull-secrets", "ocir-broker", "ocir-pull-secrets"].flatMap((name) =>
        ARCHITECTURES.map(({ deb }) => `pkg:generic/${name} arch=${deb}`),
      ),
    );
  });

  describe.each(ARCHITECTURES)("for $deb", ({ deb, machine, elf }) => {
    it("the .deb and the .rpm take at most 45 MB, as the archive does", () => {
      for (const end of [`_${deb}.deb`, `.${machine}.rpm`, `linux-${deb}.tar.gz`]) {
        expect(readFileSync(packageNamed(end)).length).toBeLessThan(45e6);
      }
    });

    it("the archive has the tree, an installer, checksums and licences in one folder", () => {
      const names = output("tar", "tzf", packageNamed(`linux-${deb}.tar.gz`))
        .trim()
        .split("\n");
      const [folder = ""] = names;
      expect(folder).toMatch(new RegExp(`^ocir-broker-\\d+\\.\\d+\\.\\d+-linux-${deb}/$`));
      const files = names.filter((name) => !name.endsWith("/")).map((name) => name.slice(folder.length));
      const ofArchive = ["LICENSE", "README.txt", "SHA256SUMS", "helper.sh", "install.sh"];
      expect(files.sort()).toEqual([...VERSION, ...ofArchive].sort());
    });

    it("the .deb has the tree, owned by root, and what Debian requires", () => {
      const lines = output("dpkg-deb", "-c", packageNamed(`_${deb}.deb`))
        .trim()
        .split("\n");
      expect(lines.filter((line) => !/^[-d]rw[-x]r-[-x]r-[-x] root\/root /.test(line))).toEqual([]);
      const files = lines.filter((line) => line.startsWith("-")).map((line) => line.replace(/^.* \./, ""));
      const ofDebian = ["/usr/share/doc/ocir-broker/copyright", "/usr/share/lintian/overrides/ocir-broker"];
      expect(files.sort()).toEqual([...INSTALLED, ...ofDebian].sort());
    });

    it("the .rpm has the tree, owned by root, and runs on glibc 2.28", () => {
      const path = packageNamed(`.${machine}.rpm`);
      const lines = output("rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\\n]", path);
      const files = lines.split("\n").flatMap((line) => /^-rw[-x]r-[-x]r-[-x] root (.*)$/.exec(line)?.[1] ?? []);
      expect(files.sort()).toEqual([...INSTALLED, "/usr/share/licenses/ocir-broker/LICENSE"].sort());
      const needed = output("rpm", "-qp", "--requires", path).split("\n");
      expect(needed.filter((line) => /^lib/.test(line)).sort()).toEqual([
        "libc.so.6(GLIBC_2.28)(64bit)",
        "libstdc++.so.6(GLIBCXX_3.4.21)(64bit)",
      ]);
      expect(output("rpm", "-qp", "--qf", "%{ARCH} %{BUILDHOST}", path)).toBe(`${machine} localhost`);
    });

    it("the bill of materials and the licence texts name what is bundled, Node and the C library", () => {
      const tree = unpacked(deb);
      const { components } = JSON.parse(readFileSync(join(tree, `${FOLDER}/doc/sbom.cdx.json`), "utf8")) as {
        components: Component[];
      };
      const names = components.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(["node", "oci-common", "undici", "zod", "pino", "lru-cache"]));
      expect(names).toContain(deb === "amd64" ? "musl" : "glibc");
      expect(names).not.toEqual(expect.arrayContaining(["vitest"]));
      const licences = readFileSync(join(tree, `${FOLDER}/doc/third-party-licences.txt`), "utf8");
      expect([...licences.matchAll(/^=+\n(.+)\n=+$/gm)].map(([, title]) => title)).toEqual([
        "Node.js, with what it contains",
        "The C library inside of the static programs",
        expect.stringMatching(/^libatomic1(?:-arm64-cross)? \d.*, of Debian; its source is on sources\.debian\.org$/),
        "GPL-3",
        ...components
          .filter(({ purl }) => purl.startsWith("pkg:npm/"))
          .map(({ name, version, licenses: [of] }) => `${name} ${version} (${of.license?.id ?? of.expression})`),
      ]);
      expect(licences).toContain("Copyright Node.js contributors");
      expect(licences).toContain(deb === "amd64" ? "musl libc, MIT licence" : "GNU LESSER GENERAL PUBLIC LICENSE");
    });

    it("the DaemonSet's image has the programs that enter the node, and the archive, unpacked, for this machine", () => {
      const tree = unpackedImage("ocir-broker-daemonset-", deb);
      execFileSync("test", ["-x", join(tree, "enter-node")]);
      const archive = basename(packageNamed(`linux-${deb}.tar.gz`), ".tar.gz");
      const names = ["daemonset.mjs", "daemonset.sh", "libatomic.so.1", "node", archive];
      expect(readdirSync(join(tree, "ocir-broker")).sort()).toEqual(names);
      const folder = join(tree, "ocir-broker", archive);
      execFileSync("sha256sum", ["--quiet", "-c", "SHA256SUMS"], { cwd: folder });
      expect(readFileSync(join(folder, "install.sh"), "utf8")).toContain(`for Linux on ${machine},`);
    });

    it("the image of pull secrets lists its Node, libraries and packages, and its Node has no search path of its own", () => {
      const tree = unpackedImage("ocir-pull-secrets-", deb);
      const text = readFileSync(join(tree, "sbom.cdx.json"), "utf8");
      expect(readFileSync(packageNamed(`linux-${deb}.cdx.json`, "ocir-pull-secrets-"), "utf8")).toBe(text);
      const purls: string[] = JSON.parse(text).components.map(({ purl }: { purl: string }) => purl);
      const cross = deb === "amd64" ? "" : "-arm64-cross";
      for (const name of ["libatomic1", "libc6", "libgcc-s1", "libstdc%2B%2B6"])
        expect(purls).toContainEqual(
          expect.stringMatching(new RegExp(`^pkg:deb/debian/${name}${cross}@\\d.*=${deb}$`)),
        );
      for (const name of ["npm/undici", "npm/prom-client", "generic/node"])
        expect(purls).toContainEqual(expect.stringMatching(new RegExp(`^pkg:${name}@\\d`)));
      expect(output("readelf", "--dynamic", join(tree, "node"))).not.toContain("PATH");
    });

    it("requires of the node what the packages declare", () => {
      const program = join(unpacked(deb), `${FOLDER}/ocir-broker`);
      const library = join(unpacked(deb), FOLDER, LIBRARY);
      const dynamic = output("readelf", "--wide", "--dynamic", "--version-info", program, library);
      const glibc = [...dynamic.matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
      expect(Math.max(...glibc)).toBeLessThanOrEqual(28);
      const gcc = [...dynamic.matchAll(/GLIBCXX_3\.4\.(\d+)/g)].map(([, minor]) => Number(minor));
      expect(Math.max(...gcc)).toBeLessThanOrEqual(21);
    });

    it("has programs for that machine, the small ones without any library", () => {
      for (const name of PROGRAMS) {
        const program = join(unpacked(deb), FOLDER, name);
        expect(output("readelf", "--file-header", program).toLowerCase()).toMatch(new RegExp(`machine: .*${elf}`));
        if (name !== "ocir-broker") expect(output("readelf", "--dynamic", program)).not.toContain("NEEDED");
      }
    });

    it.skipIf(lackOfLintian !== "")(`lintian finds no error${lackOfLintian}`, () => {
      const result = spawnSync("lintian", ["--fail-on", "error", "--allow-root", packageNamed(`_${deb}.deb`)], {
        encoding: "utf8",
      });
      expect(result.stdout).not.toMatch(/^E:|mismatched-override /m);
      expect(result.status).toBe(0);
    });

    it.skipIf(lackOfRpmlint !== "")(`rpmlint finds no error${lackOfRpmlint}`, (context) => {
      const config = join(CHECKOUT, "packages/packaging/files/rpmlint.toml");
      const result = spawnSync("rpmlint", ["-c", config, packageNamed(`.${machine}.rpm`)], { encoding: "utf8" });
      // rpmlint 2.4 of Debian 12 decodes a tool's output as UTF-8, although it is not.
      context.skip(
        /fatal error while reading .* codec can't decode/.test(result.stderr + result.stdout),
        "rpmlint cannot read it",
      );
      expect(result.stdout).toContain(" 0 errors,");
    });
  });

  it.each([
    ["the executable starts", "ocir-broker version", 0, /^ocir-broker \S+ \(Node 26\.\d+\.\d+, linux-arm64\)\n$/],
    ["the executable takes its code cache, and reads a configuration", "ocir-broker config print", 0, /\n$/],
    ["the helper starts", "docker-credential-ocir --version", 0, /^docker-credential-ocir \(ocir-broker\) \d\S*\n$/],
    ["the shim reports that no daemon runs", "credential-provider-oke", 1, /^ocir-broker: shim-[a-z-]+: /],
  ])("for arm64, under emulation, %s", (_, command, exitCode, printed) => {
    const [name = "", ...args] = command.split(" ");
    const program = join(unpacked("arm64"), FOLDER, name);
    const env = { PATH: process.env["PATH"], OCIR_BROKER_SOCKET: join(scratch, "nobody.sock") };
    const input = '{"apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"icn.ocir.io/a/b"}\n';
    const emulated = ["-L", "/usr/aarch64-linux-gnu", program, ...args];
    const { status, stdout, stderr } = spawnSync("qemu-aarch64", emulated, { encoding: "utf8", input, env });
    expect([status, exitCode === 0 ? stderr : stdout]).toEqual([exitCode, ""]);
    expect(exitCode === 0 ? stdout : stderr).toMatch(printed);
  });

  function openedImage(name: string) {
    const layout = join(scratch, name);
    mkdirSync(layout, { recursive: true });
    output("tar", "-xf", packageNamed(".oci.tar", name), "-C", layout);
    const pathOf = ({ digest }: { digest: string }) => join(layout, "blobs", digest.replace(":", "/"));
    const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
    const { manifests } = json(pathOf(json(join(layout, "index.json")).manifests[0]));
    const inManifests = (
      architecture: string,
    ): { digest: string; layers: [{ digest: string }]; annotations: object }[] =>
      manifests
        .filter(({ platform }: { platform: { architecture: string } }) => platform.architecture === architecture)
        .map((each: { digest: string }) => ({ ...each, ...json(pathOf(each)) }));
    return { inManifests, pathOf };
  }

  function unpackedImage(name: string, architecture: string): string {
    const tree = join(scratch, `${name}${architecture}`);
    mkdirSync(tree, { recursive: true });
    const { inManifests, pathOf } = openedImage(name);
    for (const { layers } of inManifests(architecture)) output("tar", "-xf", pathOf(layers[0]), "-C", tree);
    return tree;
  }

  function unpacked(deb: string): string {
    const tree = join(scratch, deb);
    if (!existsSync(tree)) output("dpkg-deb", "-x", packageNamed(`_${deb}.deb`), tree);
    return tree;
  }
});
