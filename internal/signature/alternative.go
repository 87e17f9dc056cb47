package signature

import (
	"context"
	"net/http"
	"strings"
)

// alternativeEngine chooses between two ways of signing by the beginning of the
// secret: a provider that changed its format, or that has two, gives secrets
// which tell them apart.
type alternativeEngine struct {
	prefix string
	other  engine // of the secrets that begin with prefix
	usual  engine
}

func (e alternativeEngine) carriesSecret() bool {
	return e.usual.carriesSecret() || e.other.carriesSecret()
}

func (e alternativeEngine) variants() []string {
	return append(e.usual.variants(), e.other.variants()...)
}

// divide tells the keys of the two apart.
func (e alternativeEngine) divide(keys []Key) (usual, other []Key) {
	for _, key := range keys {
		if strings.HasPrefix(key.Value.Reveal(), e.prefix) {
			other = append(other, key)
		} else {
			usual = append(usual, key)
		}
	}
	return usual, other
}

func (e alternativeEngine) verify(ctx context.Context, r Request, keys []Key, f *Findings) (Key, *Failure) {
	usual, other := e.divide(keys)
	if len(other) == 0 {
		return e.usual.verify(ctx, r, usual, f)
	}
	key, failure := e.other.verify(ctx, r, other, f)
	if failure == nil || len(usual) == 0 {
		return key, failure
	}
	*f = Findings{Scheme: f.Scheme, Tolerance: f.Tolerance}
	return e.usual.verify(ctx, r, usual, f)
}

func (e alternativeEngine) sign(r Request, key Key, id string) (http.Header, error) {
	if strings.HasPrefix(key.Value.Reveal(), e.prefix) {
		return e.other.sign(r, key, id)
	}
	return e.usual.sign(r, key, id)
}

func (e alternativeEngine) present(r Request) (string, *Failure) {
	if p, ok := e.usual.(presenter); ok {
		return p.present(r)
	}
	return "", refuse(ReasonMissingHeader, "no credential came")
}
