package workflow

import (
	"bytes"
	"encoding/json"
)

// encodeJSON writes a value compactly, with object keys in order and without
// the escapes that only HTML needs.
func encodeJSON(value any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
