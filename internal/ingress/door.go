package ingress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/schema"
	"github.com/profullstack/meshhook/internal/signature"
)

// door is an endpoint, ready to judge requests: everything that its
// configuration says is compiled.
type door struct {
	meshhook.Endpoint
	// Version is the workflow's version that new runs take.
	Version  int
	secrets  []meshhook.EndpointSecret
	verifier *signature.Verifier
	schema   *schema.Schema
	dedup    dedup
	filter   *expr.Program
	response *response
	// broken is why the configuration cannot be used; nil in all health.
	broken error
}

// Check compiles an endpoint's configuration and returns what is wrong with it,
// for the commands that create and change endpoints. The options are those that
// the daemon judges payloads with.
func Check(e meshhook.Endpoint, o schema.Options) error {
	return newDoor(meshhook.LiveEndpoint{Endpoint: e}, tools{schemas: o}).broken
}

// tools are what doors are compiled with: how schemas are read, and where keys are
// fetched.
type tools struct {
	schemas schema.Options
	keyring *signature.Keyring
}

func newDoor(live meshhook.LiveEndpoint, with tools) *door {
	d := &door{Endpoint: live.Endpoint, Version: live.Version, secrets: live.Secrets, broken: live.Unreadable}
	d.broken = d.compile(with)
	return d
}

func (d *door) compile(with tools) (err error) {
	if d.broken != nil {
		return d.broken
	}
	if d.verifier, err = signature.New(d.Verification); err != nil {
		return err
	}
	d.verifier = d.verifier.WithKeyring(with.keyring)
	if d.Schema != nil {
		if d.schema, err = schema.Compile(d.Schema, with.schemas); err != nil {
			return err
		}
	}
	if d.Filter != "" {
		if d.filter, err = expr.Compile(d.Filter); err != nil {
			return meshhook.Errorf(meshhook.ErrorCode(err), "the filter: %w", err)
		}
	}
	if d.dedup, err = newDedup(d.Dedup, d.verifier.Scheme().Dedup); err != nil {
		return meshhook.Errorf(meshhook.ErrorCode(err), "the dedup expression: %w", err)
	}
	own := d.Response
	if own == nil {
		own = d.verifier.Scheme().Response
	}
	if d.response, err = newResponse(own); err != nil {
		return meshhook.Errorf(meshhook.ErrorCode(err), "the response: %w", err)
	}
	return nil
}

// keys returns the secrets that verify at the time now.
func (d *door) keys(now time.Time) []signature.Key {
	keys := make([]signature.Key, 0, len(d.secrets))
	for _, s := range d.secrets {
		if s.ActiveAt(now) {
			keys = append(keys, signature.Key{ID: s.ID.String(), Value: s.Value})
		}
	}
	return keys
}

// dedup finds the key that makes two requests the same: in a header, or by an
// expression. The zero dedup finds none.
type dedup struct {
	header  string
	program *expr.Program
}

// maxDedupKey bounds a dedup key, in bytes; of a longer one the rest goes into a
// hash, so that what differs behind it still differs.
const maxDedupKey = 1024

func newDedup(own, ofScheme string) (d dedup, err error) {
	source := own
	if source == "" {
		source = ofScheme
	}
	if source == "" || source == "none" {
		return dedup{}, nil
	}
	if header, is := strings.CutPrefix(source, "header:"); is {
		if header = strings.TrimSpace(header); header == "" {
			return dedup{}, meshhook.Errorf(meshhook.CodeInvalid, "header: names no header; write it like header:X-Delivery-Id")
		}
		return dedup{header: header}, nil
	}
	d.program, err = expr.Compile(source)
	return d, err
}

func (d dedup) key(ctx context.Context, c *call) (string, error) {
	key := ""
	switch {
	case d.header != "":
		key = c.request.Header.Get(d.header)
	case d.program != nil:
		value, err := d.program.One(ctx, c.scope())
		if err != nil || value == nil {
			return "", err
		}
		if text, is := value.(string); is {
			key = text
		} else {
			text, err := json.Marshal(value)
			if err != nil {
				return "", err
			}
			key = string(text)
		}
	}
	if len(key) > maxDedupKey {
		sum := sha256.Sum256([]byte(key))
		key = key[:maxDedupKey] + hex.EncodeToString(sum[:])
	}
	return key, nil
}
