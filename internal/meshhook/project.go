package meshhook

import (
	"regexp"
	"time"
)

// DefaultProject is the name of the project that every installation has.
const DefaultProject = "default"

// Project is a tenant. Everything that a user makes belongs to exactly one,
// and Postgres itself keeps projects apart (row-level security).
type Project struct {
	ID        ID        `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

var nameShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)

// CheckName returns a CodeInvalid error unless name can name the given kind of
// thing (a workflow, a project): 1 to 63 lower-case letters, digits, '.', '_'
// and '-', with a letter or digit at both ends. Such names need no quoting in a
// shell, a URL or a file name. None looks like an ID, so that one argument can
// take either.
func CheckName(kind, name string) error {
	if LooksLikeID(name) {
		return Errorf(CodeInvalid, "%q cannot name a %s, because it looks like an id; use a word", name, kind)
	}
	if !nameShape.MatchString(name) {
		return Errorf(CodeInvalid, "%q cannot name a %s; use 1 to 63 lower-case letters, digits, '.', '_' and '-', beginning and ending with a letter or digit", name, kind)
	}
	return nil
}

var secretNameShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// VaultSecret is an entry of a project's vault, without its value: what lists
// may show.
type VaultSecret struct {
	ID        ID        `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// CheckSecretName returns a CodeInvalid error unless name can stand in an
// expression as .secrets.NAME: a jq identifier of at most 63 characters.
func CheckSecretName(name string) error {
	if !secretNameShape.MatchString(name) {
		return Errorf(CodeInvalid, "%q cannot name a secret; use letters, digits and '_' (at most 63, no digit first), so that .secrets.NAME can be written", name)
	}
	return nil
}

// FormatTime prints a time as the product shows it everywhere: RFC 3339, UTC,
// milliseconds.
func FormatTime(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// Retention is how long what grows with the traffic is kept.
type Retention struct {
	// Events keeps accepted events, runs and their steps.
	Events time.Duration
	// Rejected keeps rejected events.
	Rejected time.Duration
	// Journal keeps the history that tail shows.
	Journal time.Duration
}
