// Command packaging writes what the packages of MeshHook hold beside files of the
// repository: the man pages of all commands, and the configuration file. `make
// packages` runs it; nfpm.yaml says where in a package each thing goes.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/profullstack/meshhook/internal/cli"
	"github.com/profullstack/meshhook/internal/config"
)

func main() {
	if err := generate(os.Args[1:], os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// generate writes into the directory that args name, as of the time of the sources
// (https://reproducible-builds.org/specs/source-date-epoch/): the same commit makes the
// same bytes.
func generate(args []string, epoch string) error {
	if len(args) != 2 {
		return errors.New("usage: packaging VERSION DIR")
	}
	version, dir := args[0], args[1]
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 {
		return fmt.Errorf("SOURCE_DATE_EPOCH must be the time of the sources in Unix seconds, not %q", epoch)
	}
	pages := filepath.Join(dir, "man")
	if err := os.RemoveAll(pages); err != nil { // of commands that are no more
		return err
	}
	if err := os.MkdirAll(pages, 0o755); err != nil { //nolint:gosec // for all to read
		return err
	}
	if err := write(filepath.Join(dir, config.FileName), []byte(config.SystemFile())); err != nil {
		return err
	}
	return man(pages, cli.Commands(), version, time.Unix(seconds, 0).UTC())
}

// man writes the page of a command and those of the commands below it.
func man(dir string, cmd *cobra.Command, version string, date time.Time) error {
	var page, packed bytes.Buffer
	cmd.DisableAutoGenTag = true // it would be the time of the build
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "MeshHook " + version, Manual: "MeshHook"}
	if err := doc.GenMan(cmd, header, &page); err != nil {
		return err
	}
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := page.WriteTo(w); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1.gz"
	if err := write(filepath.Join(dir, name), packed.Bytes()); err != nil {
		return err
	}
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			if err := man(dir, child, version, date); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(path string, content []byte) error {
	return os.WriteFile(path, content, 0o644) //nolint:gosec // for all to read; nfpm.yaml narrows the modes of what is not
}
