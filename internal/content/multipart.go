package content

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime/multipart"
	"strconv"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// maxParts is how many parts a multipart form may have.
const maxParts = 1000

// readMultipart reads a form with files (RFC 7578) as an object, like readForm.
// A field is its text. A file, and a field that is no text, is an object of
// filename, content_type, size (in bytes) and base64, its content.
func readMultipart(contentType string, body []byte) (map[string]any, error) {
	boundary := parameter(contentType, "boundary")
	if boundary == "" {
		return nil, malformedMultipart("its content type names no boundary")
	}
	if !bytes.Contains(body, []byte("--"+boundary+"--")) {
		return nil, malformedMultipart("its last boundary is missing, so that it may have been cut off")
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	fields := map[string]any{}
	for parts := 0; ; parts++ {
		part, err := reader.NextPart()
		switch {
		case err == io.EOF: //nolint:errorlint // a wrapped one is a body that was cut off
			return fields, nil
		case err != nil:
			return nil, malformedMultipart("a part is broken")
		case parts == maxParts:
			return nil, malformedMultipart("it has more than " + strconv.Itoa(maxParts) + " parts")
		case part.FormName() == "":
			return nil, malformedMultipart("a part has no name")
		}
		value, err := readPart(part)
		if err != nil {
			return nil, malformedMultipart("a part is broken")
		}
		add(fields, Legible(part.FormName()), value)
	}
}

func malformedMultipart(what string) error {
	return meshhook.Errorf(meshhook.CodeMalformedPayload, "the body is not the multipart form that its content type says: %s", what)
}

func readPart(part *multipart.Part) (any, error) {
	data, err := io.ReadAll(part)
	if err != nil {
		return nil, err
	}
	contentType := Legible(part.Header.Get("Content-Type"))
	if part.FileName() == "" {
		if text, ok := decodeText(data, parameter(contentType, "charset")); ok && isText(text) {
			return text, nil
		}
	}
	return map[string]any{
		"filename":     Legible(part.FileName()),
		"content_type": contentType,
		"size":         json.Number(strconv.Itoa(len(data))),
		"base64":       base64.StdEncoding.EncodeToString(data),
	}, nil
}
