package cli

import "github.com/spf13/cobra"

// Commands returns the tree of all commands, for the pages that are made from it. They
// are not to be run.
func Commands() *cobra.Command { return newRootCmd(&app{}) }
