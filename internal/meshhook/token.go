package meshhook

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Role is what a token may do. Each role may do what those before it may.
type Role string

// The roles of tokens, from the least to the most.
const (
	RoleRead  Role = "read"  // look at everything but secrets, tokens, projects and the audit log
	RoleWrite Role = "write" // change webhooks and workflows, replay events, start, cancel and retry runs
	RoleAdmin Role = "admin" // secrets, tokens, projects and the audit log
)

// Roles lists every Role, from the least to the most.
func Roles() []Role { return []Role{RoleRead, RoleWrite, RoleAdmin} }

// Allows tells whether a token of role r may do what needs the role needed.
func (r Role) Allows(needed Role) bool {
	have, want := slices.Index(Roles(), r), slices.Index(Roles(), needed)
	return want >= 0 && have >= want
}

// Token is a key to the REST API, scoped to one project, without its text: that
// is shown once, and only its SHA-256 is kept.
type Token struct {
	ID        ID        `json:"id"`
	ProjectID ID        `json:"-"`
	Name      string    `json:"name"`
	Role      Role      `json:"role"`
	CreatedAt time.Time `json:"created_at"`
	// ExpiresAt is nil for a token that does not expire.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	// LastUsedAt is to the minute or better; nil for a token never used.
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// ActiveAt tells whether the token still opens anything at the time now.
func (t Token) ActiveAt(now time.Time) bool { return t.ExpiresAt == nil || now.Before(*t.ExpiresAt) }

const (
	// tokenPrefix lets people and secret scanners know a token when they see one.
	tokenPrefix = "mhk_"
	tokenBytes  = 32
)

// NewToken makes the text of a token: mhk_ and 256 random bits in base64url.
func NewToken() Secret {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never an error: without randomness the program ends
	return NewSecret(tokenPrefix + base64.RawURLEncoding.EncodeToString(random))
}

// TokenDigest returns the SHA-256 by which a token is known, and whether the text
// has the shape of a token at all.
func TokenDigest(token Secret) (digest [sha256.Size]byte, ok bool) {
	text := token.Reveal()
	random, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(random) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return digest, false
	}
	if _, err := base64.RawURLEncoding.DecodeString(random); err != nil {
		return digest, false
	}
	return sha256.Sum256([]byte(text)), true
}

// IssuedToken is a token at the one moment at which it is shown.
type IssuedToken struct {
	Token
	Text string `json:"token" doc:"The token itself: shown this once."`
}

// IssueToken makes a token that is valid for so long from now on, for ever with nil,
// and the digest that is kept of it. What was left at zero gets its default. Errors:
// CodeInvalid.
func IssueToken(name string, role Role, life *Duration, now time.Time) (issued IssuedToken, digest []byte, err error) {
	t := Token{ID: NewID(), Name: name, Role: role}
	if life != nil {
		until := now.Add(life.Std()).UTC().Truncate(time.Millisecond)
		t.ExpiresAt = &until
	}
	if err := t.Validate(now); err != nil {
		return issued, nil, err
	}
	text := NewToken()
	sum, _ := TokenDigest(text)
	return IssuedToken{t, text.Reveal()}, sum[:], nil
}

// maxTokenLife bounds how far ahead a token may expire: what is further is a slip.
const maxTokenLife = 10 * 365 * 24 * time.Hour

// Validate fills what was left at zero with its default and returns a CodeInvalid
// error for the first field that is wrong, at the time now.
func (t *Token) Validate(now time.Time) error {
	if t.Role == "" {
		t.Role = RoleRead
	}
	if !slices.Contains(Roles(), t.Role) {
		return Errorf(CodeInvalid, "%q is not a role; use read, write or admin", t.Role)
	}
	if t.Name == "" {
		t.Name = "token-" + t.ID.String()[24:]
	}
	if t.ExpiresAt != nil && (!t.ExpiresAt.After(now) || t.ExpiresAt.After(now.Add(maxTokenLife))) {
		return Errorf(CodeInvalid, "a token expires in the future, within ten years; give a duration like 720h, or none for one that never does")
	}
	return CheckName("token", t.Name)
}
