package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/expr"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// TestExpressions_Page runs every line of jq of docs/expressions.md on the request that
// stands above it.
func TestExpressions_Page(t *testing.T) {
	t.Parallel()
	var seen map[string]any
	lines := 0
	for _, b := range blocksOf(readFile(t, "docs/expressions.md")) {
		switch b.language {
		case "http":
			seen = map[string]any{"event": workflow.EventContext(requestOf(t, b.text))}
		case "jq":
			for line := range strings.Lines(b.text) {
				lines++
				requireLine(t, strings.TrimSuffix(line, "\n"), seen)
			}
		}
	}
	require.Greater(t, lines, 90)
}

// requestOf reads a request as it stands on the page.
func requestOf(t *testing.T, text string) *meshhook.Event {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	first, headers, _ := strings.Cut(head, "\n")
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(first + " HTTP/1.1\n" + headers + "\n\n")))
	require.NoError(t, err)
	return &meshhook.Event{
		Method: request.Method, Path: request.URL.Path, Query: request.URL.RawQuery, Header: request.Header,
		ContentType: request.Header.Get("Content-Type"), Body: []byte(strings.TrimSuffix(body, "\n")), ReceivedAt: time.Date(2026, 1, 2, 8, 10, 15, 0, time.UTC),
	}
}

// requireLine takes EXPRESSION # → RESULTS, or EXPRESSION # ✗ ERROR.
func requireLine(t *testing.T, line string, seen map[string]any) {
	t.Helper()
	source, wanted, fails := strings.Cut(line, "# ✗")
	if !fails {
		var ok bool
		source, wanted, ok = strings.Cut(line, "# →")
		require.True(t, ok, "%s: say what comes out", line)
	}
	got, err := evaluated(t.Context(), strings.TrimSpace(source), seen)
	wanted = strings.TrimSpace(wanted)
	if fails {
		require.Error(t, err, line)
		require.Equal(t, wanted, reasonOf(err), line)
		return
	}
	require.NoError(t, err, line)
	if len(got) == 0 {
		got = []string{"nothing"}
	}
	require.Equal(t, wanted, strings.Join(got, " "), line)
}

var named = regexp.MustCompile(`^expression "(?:[^"\\]|\\.)*": `)

// reasonOf is an error without the expression, which stands beside it on the page.
func reasonOf(err error) string { return named.ReplaceAllString(err.Error(), "") }

// evaluated are the results as 'meshhook expr' prints them; of a URL, itself.
func evaluated(ctx context.Context, source string, seen any) (results []string, err error) {
	if url, is := strings.CutPrefix(source, "url: "); is {
		text, err := expr.ParseURL(url)
		if err != nil {
			return nil, err
		}
		made, err := text.Render(ctx, seen)
		return []string{made}, err
	}
	values, err := evaluate(ctx, source, seen)
	for _, value := range values {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		err = errors.Join(err, encoder.Encode(value))
		results = append(results, strings.TrimSpace(b.String()))
	}
	return results, err
}

func evaluate(ctx context.Context, source string, seen any) ([]any, error) {
	if !strings.Contains(source, "{{") {
		program, err := expr.Compile(source)
		if err != nil {
			return nil, err
		}
		return program.All(ctx, seen)
	}
	template, err := expr.ParseTemplate(source)
	if err != nil {
		return nil, err
	}
	value, err := template.Render(ctx, seen)
	if err != nil {
		return nil, err
	}
	return []any{value}, nil
}
