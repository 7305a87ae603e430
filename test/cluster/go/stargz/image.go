package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/identity"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Larger than the parts that the snapshotter reads at once, so that reading one file does not fetch the next.
const fileBytes = 200_000

// push pushes an eStargz image without a login, and prints the name of its topmost snapshot. Layer 3 has the files 3/before
// and 3/after, whose content cannot be compressed.
func push(ctx context.Context, image, layers string) error {
	count, err := strconv.Atoi(layers)
	if err != nil {
		return err
	}
	hosts := docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchLocalhost))
	pusher, err := docker.NewResolver(docker.ResolverOptions{Hosts: hosts}).Pusher(ctx, image)
	if err != nil {
		return err
	}
	manifest := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}}
	config.RootFS.Type = "layers"
	for layer := range count {
		blob, diffID, toc, err := layerOf(layer)
		if err != nil {
			return err
		}
		descriptor, err := pushBlob(ctx, pusher, ocispec.MediaTypeImageLayerGzip, blob)
		if err != nil {
			return err
		}
		descriptor.Annotations = map[string]string{estargz.TOCJSONDigestAnnotation: toc.String()}
		manifest.Layers = append(manifest.Layers, descriptor)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, diffID)
	}
	if manifest.Config, err = pushJSON(ctx, pusher, ocispec.MediaTypeImageConfig, config); err != nil {
		return err
	}
	if _, err = pushJSON(ctx, pusher, ocispec.MediaTypeImageManifest, manifest); err != nil {
		return err
	}
	fmt.Println(identity.ChainID(config.RootFS.DiffIDs))
	return nil
}

func layerOf(number int) (blob []byte, diffID, toc digest.Digest, err error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, name := range []string{"before", "after"} {
		bytes := make([]byte, fileBytes)
		rand.Read(bytes)
		path := fmt.Sprintf("%d/%s", number, name)
		header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: fileBytes}
		if err = writer.WriteHeader(header); err != nil {
			return
		}
		if _, err = writer.Write(bytes); err != nil {
			return
		}
	}
	if err = writer.Close(); err != nil {
		return
	}
	built, err := estargz.Build(io.NewSectionReader(bytes.NewReader(archive.Bytes()), 0, int64(archive.Len())))
	if err != nil {
		return
	}
	defer built.Close()
	blob, err = io.ReadAll(built)
	return blob, built.DiffID(), built.TOCDigest(), err
}

func pushJSON(ctx context.Context, pusher remotes.Pusher, mediaType string, value any) (ocispec.Descriptor, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return pushBlob(ctx, pusher, mediaType, text)
}

func pushBlob(ctx context.Context, pusher remotes.Pusher, mediaType string, blob []byte) (ocispec.Descriptor, error) {
	descriptor := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	writer, err := pusher.Push(ctx, descriptor)
	if err != nil {
		return descriptor, err
	}
	defer writer.Close()
	return descriptor, content.Copy(ctx, writer, bytes.NewReader(blob), descriptor.Size, descriptor.Digest)
}
