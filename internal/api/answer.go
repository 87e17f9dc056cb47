package api

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// success is the envelope of everything that is no error.
type success struct {
	Status string `json:"status"` // success
	Data   any    `json:"data"`
}

// successes is the envelope of a list.
type successes struct {
	success
	// NextCursor gives the next page; nil on the last one.
	NextCursor *string `json:"next_cursor"`
}

// write writes an answer; nothing else in this package does, but streams.
func write(w http.ResponseWriter, status int, body any) error {
	text, err := encode(body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that left does not read its answer
	return nil
}

// encode makes a line of JSON, in which an expression stays as it was written.
func encode(body any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(body)
	return text.Bytes(), err
}

// fail answers with an error. What is a fault of ours, or of the database, is
// told to the log and not to the client. It returns the status.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) int {
	code, message := meshhook.ErrorCode(err), err.Error()
	var details []meshhook.Problem
	if e, ok := errorAs(err); ok {
		details = e.Details
	}
	status := meshhook.HTTPStatus(code)
	switch {
	case status == http.StatusServiceUnavailable && code == meshhook.CodeUnavailable:
		w.Header().Set("Retry-After", "5")
		if r.Context().Err() == nil {
			h.Log.Warn("a request to the API could not be answered", "method", r.Method, "path", r.URL.Path, "error", err)
		}
		message, details = "this cannot be done now; try again soon", nil
	case status == http.StatusInternalServerError:
		h.Log.Error("a request to the API failed", "method", r.Method, "path", r.URL.Path, "error", err)
		code, message, details = meshhook.CodeInternal, "something failed here; the daemon's log says why", nil
	}
	_ = write(w, status, meshhook.NewErrorAnswer(code, message, details)) // of our own structs: cannot fail
	return status
}
