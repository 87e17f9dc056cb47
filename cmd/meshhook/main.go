// Command meshhook takes webhooks in and runs durable workflows.
package main

import (
	"context"
	"os"

	"github.com/profullstack/meshhook/internal/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Process()))
}
