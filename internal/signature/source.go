package signature

import "github.com/profullstack/meshhook/internal/meshhook"

// SecretSource is where the secret of a new webhook comes from.
type SecretSource int

// The sources.
const (
	SecretNowhere    SecretSource = iota // the scheme takes none
	SecretLater                          // it may come with the provider's handshake, or not at all
	SecretFromSender                     // only the sender can make it
	SecretMadeHere                       // it may be generated, and given to the sender
)

// SecretSource tells where the secret comes from when nobody gives one.
func (v *Verifier) SecretSource() SecretSource {
	switch {
	case v.scheme.SecretFormat == SecretUnused:
		return SecretNowhere
	case v.scheme.SecretOptional:
		return SecretLater
	case v.scheme.SecretFromProvider || v.GenerateSecret().IsZero():
		return SecretFromSender
	default:
		return SecretMadeHere
	}
}

// ForRotation returns the verifier of a webhook whose secret is about to be replaced:
// CodeConflict where it takes none.
func ForRotation(e meshhook.Endpoint) (*Verifier, error) {
	v, err := New(e.Verification)
	if err == nil {
		err = v.noSecret(e.Path)
	}
	return v, err
}
