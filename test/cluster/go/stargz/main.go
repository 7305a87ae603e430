// The stargz snapshotter as containerd's proxy plugin, from its own packages: its main program is in a module that is not
// published. With it, what a test of it needs: an image to read lazily, and the kubelet's request to pull it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

const usage = `usage: stargz push <host:port/repository:tag> <layers>
       stargz serve <folder> docker-config|cri when-read|in-background <socket of containerd>
       stargz pull <socket> <image>    with the password in its standard input`

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 3 && args[0] == "push":
		return push(ctx, args[1], args[2])
	case len(args) == 5 && args[0] == "serve":
		return serve(ctx, args[1], args[2], args[3] == "when-read", args[4])
	case len(args) == 3 && args[0] == "pull":
		password, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		return pull(ctx, args[1], args[2], strings.TrimSpace(string(password)))
	}
	return fmt.Errorf("%s", usage)
}
