package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/stargz-snapshotter/fs/config"
	"github.com/containerd/stargz-snapshotter/service"
	"github.com/containerd/stargz-snapshotter/service/keychain/cri"
	"github.com/containerd/stargz-snapshotter/service/keychain/dockerconfig"
	"github.com/containerd/stargz-snapshotter/service/resolver"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// serve is the snapshotter at the socket `snapshotter.sock` of the folder, which is also the image service that the kubelet would use for
// the keychain "cri".
func serve(ctx context.Context, folder, keychain string, isWhenRead bool, containerd string) error {
	server := grpc.NewServer()
	var credentials resolver.Credential
	switch keychain {
	case "docker-config":
		credentials = dockerconfig.NewDockerconfigKeychain(ctx)
	case "cri":
		var proxy runtime.ImageServiceServer
		connect := func() (runtime.ImageServiceClient, error) { return imageService(containerd) }
		credentials, proxy = cri.NewCRIKeychain(ctx, connect)
		runtime.RegisterImageServiceServer(server, proxy)
	default:
		return fmt.Errorf("no keychain %s", keychain)
	}
	settings := service.Config{Config: config.Config{NoBackgroundFetch: isWhenRead, NoPrometheus: true}}
	// By default the registry is not asked again within a minute, which is as long as a token of the test lives.
	settings.CheckAlways = true
	root := filepath.Join(folder, "stargz")
	snapshotter, err := service.NewStargzSnapshotterService(ctx, root, &settings, service.WithCredsFuncs(credentials))
	if err != nil {
		return err
	}
	snapshotsapi.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(snapshotter))
	listener, err := net.Listen("unix", filepath.Join(folder, "snapshotter.sock"))
	if err != nil {
		return err
	}
	return server.Serve(listener)
}

// pull is the kubelet's request, with what its credential provider returned.
func pull(ctx context.Context, socket, image, password string) error {
	client, err := imageService(socket)
	if err != nil {
		return err
	}
	_, err = client.PullImage(ctx, &runtime.PullImageRequest{
		Image: &runtime.ImageSpec{Image: image},
		Auth:  &runtime.AuthConfig{Username: "BEARER_TOKEN", Password: password},
	})
	return err
}

func imageService(socket string) (runtime.ImageServiceClient, error) {
	connection, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return runtime.NewImageServiceClient(connection), nil
}
