package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sync/errgroup"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// await runs a command again and again until its output matches:
//
//	await REGEXP COMMAND [ARG…]
//
// A command that fails is tried again, too. The last output is stdout.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await REGEXP COMMAND [ARG…]")
	}
	wanted, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	deadline := time.After(patience)
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if wanted.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-pause.C:
		case <-deadline:
			ts.Fatalf("%q never matched; the last try ended with %v", args[0], err)
		}
	}
}

// capture sets a variable from the last output:
//
//	capture NAME REGEXP     the first group, or else the whole match, in stdout
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME REGEXP")
	}
	wanted, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := wanted.FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("%q does not match the output", args[1])
	}
	ts.Setenv(args[0], found[min(1, len(found)-1)])
}

// code runs a command that must end with an exit code:
//
//	code N COMMAND [ARG…]
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG…]")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("the exit code is %d, not %s", got, args[0])
	}
}

// postOptions are the flags of post.
type postOptions struct {
	scheme, secret, id, contentType string
	count, status                   int
	headers                         http.Header
	url                             string
	body                            []byte
}

// post signs and sends:
//
//	post [-scheme S] [-secret X] [-id ID] [-type T] [-H NAME:VALUE]… [-n N] [-status CODE] PATH FILE
//
// It fails unless the answer has the status (202 when not said), and prints the
// answers to stdout. With -n it sends N requests, 16 at a time, with the ids ID-0 ….
// A daemon hears of a new webhook a moment after it was created: a 404 that is not
// expected is tried again.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("say which status is expected: post -status CODE")
	}
	o := parsePost(ts, args)
	answers := make([]string, o.count)
	group := errgroup.Group{}
	group.SetLimit(16)
	for i := range o.count {
		group.Go(func() (err error) {
			id := o.id
			if o.count > 1 {
				id = fmt.Sprintf("%s-%d", o.id, i)
			}
			answers[i], err = o.send(id)
			return err
		})
	}
	err := group.Wait()
	_, noWrite := io.WriteString(ts.Stdout(), strings.Join(answers, ""))
	ts.Check(errors.Join(err, noWrite))
}

func parsePost(ts *testscript.TestScript, args []string) postOptions {
	o := postOptions{headers: http.Header{}}
	flags := flag.NewFlagSet("post", flag.ContinueOnError)
	flags.StringVar(&o.scheme, "scheme", "hmac", "")
	flags.StringVar(&o.secret, "secret", "", "")
	flags.StringVar(&o.id, "id", meshhook.NewID().String(), "")
	flags.StringVar(&o.contentType, "type", "application/json", "")
	flags.IntVar(&o.count, "n", 1, "")
	flags.IntVar(&o.status, "status", http.StatusAccepted, "")
	flags.Func("H", "", func(text string) error {
		name, value, _ := strings.Cut(text, ":")
		o.headers.Add(name, strings.TrimSpace(value))
		return nil
	})
	ts.Check(flags.Parse(args))
	if flags.NArg() != 2 {
		ts.Fatalf("usage: post [FLAG…] PATH FILE")
	}
	o.url = ts.Getenv("INGRESS") + flags.Arg(0)
	o.body = []byte(ts.ReadFile(flags.Arg(1)))
	return o
}

// send sends one request until the webhook is known, and returns the answer.
func (o postOptions) send(id string) (answer string, err error) {
	header, err := o.signed(id)
	if err != nil {
		return "", err
	}
	deadline := time.After(patience)
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		status, answer, err := o.once(header)
		if err != nil || status == o.status {
			return answer, err
		}
		err = fmt.Errorf("the answer is %d, not %d", status, o.status)
		if status != http.StatusNotFound {
			return answer, err
		}
		select {
		case <-pause.C:
		case <-deadline:
			return answer, err
		}
	}
}

// signed returns the headers of a request with this id.
func (o postOptions) signed(id string) (http.Header, error) {
	header := http.Header{}
	if o.secret != "" {
		verifier, err := signature.New(meshhook.Verification{Scheme: o.scheme})
		if err != nil {
			return nil, err
		}
		request := signature.Request{Method: http.MethodPost, URL: o.url, Body: o.body, Now: time.Now()}
		header, err = verifier.Sign(request, signature.Key{Value: meshhook.NewSecret(o.secret)}, id)
		if err != nil {
			return nil, err
		}
	}
	header.Set("Content-Type", o.contentType)
	for name, values := range o.headers {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return header, nil
}

func (o postOptions) once(header http.Header) (status int, answer string, err error) {
	request, err := http.NewRequest(http.MethodPost, o.url, bytes.NewReader(o.body)) //nolint:noctx // the client has a time-out
	if err != nil {
		return 0, "", err
	}
	request.Header = header
	client := http.Client{Timeout: patience}
	reply, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, reply.Body.Close()) }()
	text, err := io.ReadAll(reply.Body)
	return reply.StatusCode, string(text), err
}
