package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/postgres"
	"github.com/profullstack/meshhook/internal/tail"
	"github.com/profullstack/meshhook/internal/workflow"
)

// filesFlag adds -f, and takes arguments as further files: a shell makes them of
// -f *.yaml.
func filesFlag(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVarP(files, "file", "f", nil, "`file` in YAML or JSON; - for standard input; may be given several times")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(*files) == 0 {
			return usageError("the file is missing; name it with -f FILE, or -f - for standard input")
		}
		*files = append(*files, args...)
		return nil
	}
}

func newWorkflowApplyCmd(a *app) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use: "apply -f FILE…", Short: "Create workflows, or new versions of them, from files",
		Long: `Create workflows, or new versions of them, from files. A document that says the
same as the newest version changes nothing. When a file is wrong, nothing is applied.`,
		Example: `  meshhook workflow apply -f workflow.yaml
  meshhook workflow apply -f workflows/*.yaml
  generate | meshhook workflow apply -f -`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWorkflowApply(cmd.Context(), a, files) },
	}
	filesFlag(cmd, &files)
	return cmd
}

func runWorkflowApply(ctx context.Context, a *app, files []string) error {
	documents, err := a.readWorkflows(files)
	if err != nil {
		return err
	}
	return a.inProject(ctx, func(ctx context.Context, s *session) error {
		applied := make([]meshhook.Applied, 0, len(documents))
		for _, d := range documents {
			one, err := apply(ctx, s.project, d)
			if err != nil {
				return err
			}
			applied = append(applied, one)
		}
		if err := a.warnOfSecrets(ctx, s, documents, applied); err != nil {
			return err
		}
		return a.print(applied, func(w io.Writer) error {
			for _, one := range applied {
				if _, err := fmt.Fprintln(w, tail.Clean(outcome(one))); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// apply stores one document.
func apply(ctx context.Context, project *postgres.Tenant, d *workflow.Document) (meshhook.Applied, error) {
	return project.Apply(ctx, d.Definition.Name, d.Definition.Description, meshhook.Version{
		Digest: d.Definition.Digest(), Source: d.Source, RunLimit: d.Definition.RunLimit(),
	})
}

// warnOfSecrets says which secrets the documents read that the vault has not, and
// gives each answer its document's warnings.
func (a *app) warnOfSecrets(ctx context.Context, s *session, documents []*workflow.Document, applied []meshhook.Applied) error {
	vault, err := s.project.Secrets(ctx)
	if err != nil {
		return err
	}
	said := map[string]bool{} // by several documents, once
	for i, d := range documents {
		missing := d.Definition.MissingSecrets(vault)
		for _, text := range missing {
			if !said[text] {
				a.warn("%s", text)
			}
			said[text] = true
		}
		applied[i].Warnings = append(warningsOf(d), missing...)
	}
	return nil
}

// warningsOf are the warnings of a document as JSON has them.
func warningsOf(d *workflow.Document) (list []string) {
	for _, w := range d.Definition.Warnings() {
		list = append(list, w.String())
	}
	return list
}

func outcome(applied meshhook.Applied) string {
	did := "unchanged"
	switch {
	case applied.Created:
		did = "created"
	case applied.Changed:
		did = "updated"
	}
	return fmt.Sprintf("workflow %s version %d %s", applied.Workflow.Name, applied.Workflow.Version, did)
}

// readWorkflows reads and checks files. What is wrong with any of them is one
// error that lists it all; what is doubtful is said on the way.
func (a *app) readWorkflows(files []string) ([]*workflow.Document, error) {
	var documents []*workflow.Document
	var problems, doubts workflow.Problems
	for _, name := range files {
		src, err := a.readFile(name)
		if err != nil {
			return nil, err
		}
		found, err := workflow.ParseAll(name, src)
		if wrong, ok := errors.AsType[workflow.Problems](err); ok {
			problems = append(problems, wrong...)
			continue
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, found...)
		for _, d := range found {
			warnings := workflow.Problems(d.Definition.Warnings())
			warnings.Quote(src)
			doubts = append(doubts, warnings...)
		}
	}
	if len(problems) > 0 {
		return nil, &meshhook.Error{Code: meshhook.CodeInvalid, Message: problems[0].String(), Err: problems}
	}
	for _, w := range doubts {
		if !a.quiet {
			a.showProblem("warning: ", w)
		}
	}
	return documents, nil
}

func newWorkflowValidateCmd(a *app) *cobra.Command {
	var files []string
	cmd := &cobra.Command{
		Use: "validate -f FILE…", Short: "Check workflow files, without a database",
		Example: "  meshhook workflow validate -f workflow.yaml",
		RunE:    func(*cobra.Command, []string) error { return runWorkflowValidate(a, files) },
	}
	filesFlag(cmd, &files)
	return cmd
}

// valid is a document that 'workflow validate' found to be right.
type valid struct {
	Workflow string `json:"workflow"`
	Steps    int    `json:"steps"`
	Digest   string `json:"digest"`
	// Secrets are the names of those that runs of the workflow read.
	Secrets []string `json:"secrets,omitempty"`
	// Warnings are those that are printed, too.
	Warnings []string `json:"warnings,omitempty"`
}

func runWorkflowValidate(a *app, files []string) error {
	documents, err := a.readWorkflows(files)
	if err != nil {
		return err
	}
	list := make([]valid, len(documents))
	for i, d := range documents {
		list[i] = valid{d.Definition.Name, len(d.Definition.Steps), d.Definition.Digest(), d.Definition.References().Secrets, warningsOf(d)}
	}
	return a.print(list, func(w io.Writer) error {
		for _, v := range list {
			if _, err := fmt.Fprintf(w, "workflow %s is valid\n", tail.Clean(v.Workflow)); err != nil {
				return err
			}
		}
		return nil
	})
}
