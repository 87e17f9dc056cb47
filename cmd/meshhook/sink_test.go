package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// received is a request that came to a sink, as `sink show` prints it.
type received struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// sink is a server that keeps every request.
type sink struct {
	server  *httptest.Server
	mu      sync.Mutex
	status  int
	all     []received
	changed chan struct{} // closed and renewed at each request
}

// sinkVerb is
//
//	sink start [NAME]        starts it; its URL is $SINK, or $NAME
//	sink wait N [NAME]       waits for N requests in all
//	sink show [NAME]         prints each request as a line of JSON to stdout
//	sink requests [NAME]     prints how many requests came
//	sink keys [NAME]         prints how many Idempotency-Keys came, and requests without
//	sink status CODE [NAME]  answers with CODE from now on
//	sink keep FILE [NAME]    writes the last request to FILE.headers (JSON) and FILE.body
func sinkVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sink start|wait|show|requests|keys|status|keep …")
	}
	what, args, number := args[0], args[1:], 0
	file := ""
	if what == "wait" || what == "status" || what == "keep" {
		if len(args) == 0 {
			ts.Fatalf("usage: sink %s NUMBER|FILE [NAME]", what)
		}
		var err error
		if file = args[0]; what != "keep" {
			number, err = strconv.Atoi(file)
		}
		ts.Check(err)
		args = args[1:]
	}
	name := "SINK"
	if len(args) > 0 {
		name = args[0]
	}
	s := sceneOf(ts)
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "start" {
		k := &sink{status: http.StatusOK, changed: make(chan struct{})}
		k.server = httptest.NewServer(k)
		s.sinks[name] = k
		ts.Setenv(name, k.server.URL)
		return
	}
	k, ok := s.sinks[name]
	if !ok {
		ts.Fatalf("there is no sink %s", name)
	}
	if what == "keep" {
		k.keep(ts, ts.MkAbs(file))
		return
	}
	k.do(ts, what, number)
}

// keep writes the last request to files, as a recipient would.
func (k *sink) keep(ts *testscript.TestScript, file string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) == 0 {
		ts.Fatalf("the sink has no request")
	}
	last := k.all[len(k.all)-1]
	headers, err := json.Marshal(last.Headers)
	ts.Check(err)
	ts.Check(os.WriteFile(file+".headers", headers, 0o600))
	ts.Check(os.WriteFile(file+".body", []byte(last.Body), 0o600))
}

func (k *sink) do(ts *testscript.TestScript, what string, number int) {
	switch what {
	case "wait":
		k.wait(ts, number)
	case "show":
		encoder := json.NewEncoder(ts.Stdout())
		encoder.SetEscapeHTML(false)
		k.mu.Lock()
		defer k.mu.Unlock()
		for _, r := range k.all {
			ts.Check(encoder.Encode(r))
		}
	case "requests":
		k.mu.Lock()
		defer k.mu.Unlock()
		_, err := fmt.Fprintln(ts.Stdout(), len(k.all))
		ts.Check(err)
	case "keys":
		distinct, without := k.keys()
		_, err := fmt.Fprintf(ts.Stdout(), "%d distinct, %d without\n", distinct, without)
		ts.Check(err)
	case "status":
		k.mu.Lock()
		defer k.mu.Unlock()
		k.status = number
	default:
		ts.Fatalf("sink %s: start, wait, show, requests, keys or status", what)
	}
}

// ServeHTTP keeps the request and answers with the status that was set.
func (k *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // a call that was cut off did not arrive
	}
	one := received{Method: r.Method, Path: r.URL.RequestURI(), Headers: map[string]string{}, Body: string(body)}
	for name := range r.Header {
		one.Headers[name] = r.Header.Get(name)
	}
	k.mu.Lock()
	k.all = append(k.all, one)
	close(k.changed)
	k.changed = make(chan struct{})
	status := k.status
	k.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"ok":true}`) // a caller that left reads nothing
}

// keys counts the different Idempotency-Keys, and the requests that had none.
func (k *sink) keys() (distinct, without int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := map[string]bool{}
	for _, r := range k.all {
		if key := r.Headers["Idempotency-Key"]; key != "" {
			seen[key] = true
		} else {
			without++
		}
	}
	return len(seen), without
}

func (k *sink) wait(ts *testscript.TestScript, n int) {
	deadline := time.After(patience)
	for {
		k.mu.Lock()
		have, changed := len(k.all), k.changed
		k.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			ts.Fatalf("the sink has %d of %d requests", have, n)
		}
	}
}
