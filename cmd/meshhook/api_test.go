package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// apiVerb asks the REST API:
//
//	api [-token T] [-status CODE] [-wait] [-H NAME:VALUE]… [-until REGEXP] METHOD PATH [FILE]
//
// It sends the token $TOKEN unless another is given (-token none sends none), and
// the file, if there is one, as JSON. It fails unless the answer has the status
// (200 when not said), and prints the answer to stdout. -until reads a stream's
// lines until one matches; -wait asks again until the answer has the status.
func apiVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("say which status is expected: api -status CODE")
	}
	flags := flag.NewFlagSet("api", flag.ContinueOnError)
	token := flags.String("token", ts.Getenv("TOKEN"), "")
	status := flags.Int("status", http.StatusOK, "")
	until := flags.String("until", "", "")
	wait := flags.Bool("wait", false, "")
	header := http.Header{}
	flags.Func("H", "", func(text string) error {
		name, value, _ := strings.Cut(text, ":")
		header.Set(name, strings.TrimSpace(value))
		return nil
	})
	ts.Check(flags.Parse(args))
	if flags.NArg() < 2 || flags.NArg() > 3 {
		ts.Fatalf("usage: api [FLAG…] METHOD PATH [FILE]")
	}
	body := ""
	if flags.NArg() == 3 {
		body = ts.ReadFile(flags.Arg(2))
		header.Set("Content-Type", "application/json")
	}
	if *token != "none" {
		header.Set("Authorization", "Bearer "+*token)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		got, text, err := ask(ctx, flags.Arg(0), ts.Getenv("ADMIN")+flags.Arg(1), body, header, *until)
		if err == nil && got != *status && *wait {
			<-pause.C
			continue
		}
		_, noWrite := io.WriteString(ts.Stdout(), text)
		ts.Check(errors.Join(err, noWrite))
		if got != *status {
			ts.Fatalf("the answer is %d, not %d: %s", got, *status, text)
		}
		return
	}
}

func ask(ctx context.Context, method, url, body string, header http.Header, until string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header = header
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	text, err = readAnswer(answer.Body, until)
	return answer.StatusCode, text, errors.Join(err, answer.Body.Close())
}

func readAnswer(body io.Reader, until string) (string, error) {
	if until == "" {
		text, err := io.ReadAll(body)
		return string(text), err
	}
	wanted, err := regexp.Compile(until)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		fmt.Fprintln(&text, lines.Text())
		if wanted.MatchString(lines.Text()) {
			return text.String(), nil
		}
	}
	return text.String(), errors.Join(lines.Err(), fmt.Errorf("no line matches %s", until))
}
