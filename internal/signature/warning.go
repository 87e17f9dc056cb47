package signature

import (
	"fmt"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Warnings says, in sentences, what the owner of a webhook with this verification has
// to know wherever it is listed: that it is open to more than its owner may think. Nil
// for nothing. hasSecret tells whether it has an active secret.
func Warnings(v meshhook.Verification, hasSecret bool) []string {
	verifier, err := New(v)
	if err != nil {
		return nil // which is said where it is used
	}
	s := verifier.Scheme()
	switch anyone := s.JWT.Issuer == "" && s.JWT.Audience == "" && len(s.JWT.Claims) == 0; {
	case s.Engine == EngineNone:
		return []string{"this webhook verifies nothing; whoever knows its URL can start runs"}
	case s.JWT.JWKSURL != "" && !s.JWT.KeyLookup && anyone:
		return []string{fmt.Sprintf("any token that is signed by a key of %s is taken, whoever it was made for; say whose with --verify-issuer and --verify-audience", s.JWT.JWKSURL)}
	case !hasSecret && s.Unguarded != "":
		return []string{s.Unguarded}
	}
	return nil
}
