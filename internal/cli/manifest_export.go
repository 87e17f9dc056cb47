package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/manifest"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/tail"
)

// exportOptions are what 'export' was told.
type exportOptions struct {
	dir           string
	reveal, force bool
}

func newExportCmd(a *app) *cobra.Command {
	o := &exportOptions{}
	cmd := &cobra.Command{
		Use: "export [-d DIR]", Short: "Write the files that 'apply' reads",
		Long: `Write the project's workflows, webhooks and alerts as the files that 'apply' reads: one
for each into a directory, or all as one stream. Applied to the same project they change
nothing. A secret is named where the vault has its value, and stays as it is otherwise.
What may be a credential in an alert's URL, headers and payload is {kept: true}, which
can only be applied where it is already; --reveal writes the values.`,
		Example: "  meshhook export\n  meshhook export -d config/\n  meshhook export --reveal | meshhook --project staging apply -f -",
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runExport(cmd.Context(), a, o) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.dir, "dir", "d", "", "`directory` to write into, which is made if need be; standard output when left out")
	flags.BoolVar(&o.reveal, "reveal", false, "write URLs, headers and payloads of alerts as they are")
	flags.BoolVar(&o.force, "force", false, "overwrite files that export has not written")
	return cmd
}

func runExport(ctx context.Context, a *app, o *exportOptions) error {
	if o.force && o.dir == "" {
		return usageError("--force is about files; name their directory with -d DIR")
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		have, err := present(ctx, s.project)
		if err != nil {
			return err
		}
		have.Alerts = slices.DeleteFunc(have.Alerts, func(alert meshhook.Alert) bool {
			if alert.URL == "" { // the log says why
				a.warn("the alert %s cannot be read and is left out", alert.Name)
			}
			return alert.URL == ""
		})
		documents := manifest.Export(have, int64(s.config.Ingress.MaxBody), o.reveal)
		if o.dir == "" {
			return a.writeStream(manifest.Stream(documents))
		}
		return a.writeDocuments(o, documents)
	})
}

// writeStream prints all documents. On a terminal nothing of them is raw.
func (a *app) writeStream(text string) error {
	if a.OutTTY {
		var b strings.Builder
		for line := range strings.Lines(text) {
			b.WriteString(tail.Clean(strings.TrimRight(line, "\r\n")) + "\n")
		}
		text = b.String()
	}
	_, err := io.WriteString(a.Out, text)
	return err
}

// exported is what 'export -d' says of a file.
type exported struct {
	File string `json:"file"`
	// Status is written or unchanged.
	Status string `json:"status"`
}

func (a *app) writeDocuments(o *exportOptions, documents []manifest.Document) (err error) {
	if err := os.MkdirAll(o.dir, 0o750); err != nil {
		return writeError(o.dir, err)
	}
	root, err := os.OpenRoot(o.dir)
	if err != nil {
		return writeError(o.dir, err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	list := make([]exported, len(documents))
	for i, d := range documents { // all that stands in the way is found before anything is written
		if list[i], err = o.compare(root, d); err != nil {
			return err
		}
	}
	mode := os.FileMode(0o644)
	if o.reveal {
		mode = 0o600
	}
	for i, d := range documents {
		if list[i].Status != "written" {
			continue
		}
		err := root.MkdirAll(path.Dir(d.Path), 0o750)
		if err == nil {
			err = writeAnew(root, d.Path, d.File(), mode)
		}
		if err != nil {
			return writeError(list[i].File, err)
		}
	}
	a.noteStale(root, o.dir, documents)
	return printList(a, list, []string{"file", "status"}, func(t *table, e exported) { t.add(e.File, e.Status) })
}

// writeAnew puts a file of that mode in the place of the one that is there, which must
// not lend its own, wider one to what is revealed.
func writeAnew(root *os.Root, name, text string, mode os.FileMode) error {
	fresh := name + ".new"
	err := root.Remove(fresh) // of a write that was interrupted
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = root.WriteFile(fresh, []byte(text), mode)
	}
	if err != nil {
		return err
	}
	return root.Rename(fresh, name)
}

// compare says what becomes of a document's file. One that export has not written is in
// the way.
func (o *exportOptions) compare(root *os.Root, d manifest.Document) (exported, error) {
	e := exported{filepath.Join(o.dir, filepath.FromSlash(d.Path)), "written"}
	text, err := root.ReadFile(d.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e, nil
	case err != nil:
		return e, writeError(e.File, err)
	case string(text) == d.File():
		e.Status = "unchanged"
	case !o.force && !strings.HasPrefix(string(text), manifest.Mark):
		return e, meshhook.Errorf(meshhook.CodeConflict, "%s was not written by export, or not by it alone; give --force to overwrite it, or another directory. Nothing was written", e.File)
	}
	return e, nil
}

// noteStale says which files of earlier exports are of things that are gone: apply would
// make them anew.
func (a *app) noteStale(root *os.Root, dir string, documents []manifest.Document) {
	written := map[string]bool{}
	for _, d := range documents {
		written[d.Path] = true
	}
	for _, sub := range []string{"workflows", "webhooks", "alerts"} {
		entries, err := fs.ReadDir(root.FS(), sub)
		if err != nil {
			continue // it is not there
		}
		for _, entry := range entries {
			name := path.Join(sub, entry.Name())
			if written[name] || !entry.Type().IsRegular() {
				continue
			}
			if text, err := root.ReadFile(name); err == nil && strings.HasPrefix(string(text), manifest.Mark) {
				a.warn("%s is of an earlier export, and what it describes is gone; delete it, or 'apply' makes that anew", filepath.Join(dir, filepath.FromSlash(name)))
			}
		}
	}
}

func writeError(name string, err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "cannot write %s: %w", name, err)
}
