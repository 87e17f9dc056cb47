package api

import (
	"bytes"
	"encoding/json"
	"slices"
)

// wholes are documents of the user's inside a webhook or an alert. They are replaced
// whole and not merged: a null in them means null.
var wholes = []string{"/validation_schema", "/response/body", "/payload"}

// merge applies a JSON merge patch (RFC 7396): null takes a member away, objects
// are merged, everything else is replaced. Both texts are valid JSON.
func merge(target, patch json.RawMessage, path string) (json.RawMessage, error) {
	if !isObject(patch) || slices.Contains(wholes, path) {
		return patch, nil
	}
	var members, changes map[string]json.RawMessage
	if isObject(target) {
		if err := json.Unmarshal(target, &members); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	if members == nil {
		members = map[string]json.RawMessage{}
	}
	for name, change := range changes {
		if bytes.Equal(bytes.TrimSpace(change), []byte("null")) {
			delete(members, name)
			continue
		}
		merged, err := merge(members[name], change, path+"/"+token(name))
		if err != nil {
			return nil, err
		}
		members[name] = merged
	}
	return json.Marshal(members)
}

// isObject tells an object from every other valid JSON text.
func isObject(text json.RawMessage) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == '{'
}
