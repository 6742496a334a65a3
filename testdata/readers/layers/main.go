// Layers unpacks a tar by a library as container engines do: layers LIBRARY TAR DIR. It is
// a module of its own, so that the agent's does not depend on these libraries.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/containerd/containerd/v2/pkg/archive"
	moby "github.com/moby/go-archive"
)

func main() {
	tar, err := os.Open(os.Args[2])
	if err == nil {
		switch os.Args[1] {
		case "docker": // as its overlay2 unpacks a layer
			err = moby.Untar(tar, os.Args[3], &moby.TarOptions{WhiteoutFormat: moby.OverlayWhiteoutFormat})
		case "containerd":
			_, err = archive.Apply(context.Background(), os.Args[3], tar)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
