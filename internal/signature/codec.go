package signature

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// codec writes a signature as text and reads it back. Reading is strict: each
// signature has one text, but for the case of hex digits and the padding of
// base64url, on which senders differ.
type codec struct {
	encode func([]byte) string
	decode func(string) ([]byte, error)
}

// newCodec returns the codec of an encoding by name, or CodeInvalid.
func newCodec(encoding string) (codec, error) {
	switch encoding {
	case "hex":
		return codec{hex.EncodeToString, hex.DecodeString}, nil
	case "base64":
		padded := base64.StdEncoding.Strict()
		return codec{padded.EncodeToString, padded.DecodeString}, nil
	case "base64url":
		padded, raw := base64.URLEncoding.Strict(), base64.RawURLEncoding.Strict()
		return codec{raw.EncodeToString, func(text string) ([]byte, error) {
			if strings.HasSuffix(text, "=") {
				return padded.DecodeString(text)
			}
			return raw.DecodeString(text)
		}}, nil
	}
	return codec{}, meshhook.Errorf(meshhook.CodeInvalid,
		"encoding %q is not known; write hex, base64 or base64url", clip(encoding))
}

// read decodes a signature of size bytes, or of any with 0. encoding/base64 skips
// line breaks, so they are refused here.
func (c codec) read(text string, size int) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, false
	}
	sum, err := c.decode(text)
	return sum, err == nil && len(sum) > 0 && (size == 0 || len(sum) == size)
}
