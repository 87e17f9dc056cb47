package egress

import (
	"context"
	"net/http"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxDocument bounds a fetched document, in bytes: a set of keys takes a few
// kilobytes.
const maxDocument = 256 << 10

// Fetch gets a document: it POSTs body as JSON where there is one, and GETs
// otherwise. Anything but a whole answer with status 200 is an error.
func (c *Client) Fetch(ctx context.Context, url string, body []byte) ([]byte, error) {
	call := Call{URL: url, Body: body, MaxReply: maxDocument, Header: http.Header{"Accept": {"*/*"}}}
	if body != nil {
		call.Method = http.MethodPost
		call.Header.Set("Content-Type", "application/json")
	}
	reply, err := c.Do(ctx, call)
	switch {
	case err != nil:
		return nil, err
	case reply.Status != http.StatusOK:
		return nil, meshhook.Errorf(meshhook.CodeUnavailable, "the answer's status is %d and not 200", reply.Status)
	case reply.Truncated:
		return nil, meshhook.Errorf(meshhook.CodeUnavailable, "the answer is longer than %d bytes", maxDocument)
	}
	return reply.Body, nil
}
