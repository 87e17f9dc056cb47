package manifest

import (
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Reference says where a secret is to be read: exactly one of the three is set. Secrets
// themselves never stand in documents.
type Reference struct {
	// Vault is the name of a secret of the project's vault.
	Vault string
	// Env is a variable of the environment of who applies.
	Env string
	// File is a path, from the directory of the document on.
	File string

	source *File
	at     workflow.Value
}

// String names the place for a person: "vault NAME".
func (r *Reference) String() string {
	switch {
	case r.Vault != "":
		return "vault " + r.Vault
	case r.Env != "":
		return "environment variable " + r.Env
	default:
		return "file " + r.File
	}
}

// Read reads the file of a reference to one, up to a limit in bytes of the reader's own.
func (r *Reference) Read() ([]byte, error) {
	if r.source.ReadSecret == nil {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "a document from standard input cannot name files; write {vault: NAME} or {env: NAME}")
	}
	return r.source.ReadSecret(r.File)
}

const howToRefer = "write {vault: NAME}, {env: VARIABLE} or {file: PATH}"

func referenceFields() []field[Reference] {
	return []field[Reference]{
		textField("vault", func(r *Reference) *string { return &r.Vault }),
		textField("env", func(r *Reference) *string { return &r.Env }),
		textField("file", func(r *Reference) *string { return &r.File }),
	}
}

// readReference reads where a secret is.
func readReference(r *reader, v workflow.Value) *Reference {
	if v.Kind() != workflow.Mapping {
		v.ProblemUnseen("a secret does not stand in a document, it is named there: %s", howToRefer)
		return nil
	}
	ref := &Reference{source: r.file, at: v}
	before := r.count()
	readFields(r, v, "secret", "{vault: NAME}", referenceFields(), ref)
	given := 0
	for _, name := range []string{ref.Vault, ref.Env, ref.File} {
		if name != "" {
			given++
		}
	}
	if r.count() > before {
		return nil
	}
	if given != 1 {
		v.Problem("a secret is named in one way: %s", howToRefer)
		return nil
	}
	if ref.Vault != "" {
		if err := meshhook.CheckSecretName(ref.Vault); err != nil {
			v.Problem("%v", err)
			return nil
		}
	}
	return ref
}
