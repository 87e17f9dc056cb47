// Package doctor judges an installation: each check turns facts that somebody else
// gathered into findings, and each finding says what to do. The checks are run side by
// side, each for a bounded time, so that the slowest cannot keep the others' findings.
package doctor

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"   // as it should be
	Warn Level = "warn" // it works, and will not for ever or not for everybody
	Fail Level = "fail" // something does not work
)

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	// Remedy is a command or a setting; empty where there is nothing to do.
	Remedy string `json:"remedy,omitempty"`
}

// Check gathers and judges. Run's error means that it could not be told; it is a finding
// of its own, as bad as Unknown says (Warn when empty).
type Check struct {
	Name    string
	Unknown Level
	Run     func(ctx context.Context) ([]Finding, error)
}

// Run runs the checks side by side and returns their findings in the order of the checks.
// One that takes longer than limit is left behind, and that is its finding.
func Run(ctx context.Context, limit time.Duration, checks []Check) []Finding {
	found := make([][]Finding, len(checks))
	var group sync.WaitGroup
	for i := range checks {
		group.Go(func() { found[i] = checks[i].run(ctx, limit) })
	}
	group.Wait()
	var all []Finding
	for i, list := range found {
		for _, f := range list {
			f.Check = checks[i].Name
			all = append(all, f)
		}
	}
	return all
}

func (c *Check) run(ctx context.Context, limit time.Duration) []Finding {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type answer struct {
		list []Finding
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		list, err := c.Run(ctx)
		answers <- answer{list, err}
	}()
	unknown := c.Unknown
	if unknown == "" {
		unknown = Warn
	}
	select {
	case got := <-answers:
		if got.err != nil && ctx.Err() == nil {
			return append(got.list, Finding{Level: unknown, Text: "it could not be told: " + got.err.Error()})
		}
		if got.err == nil {
			return got.list
		}
	case <-ctx.Done():
	}
	return []Finding{{Level: unknown, Text: fmt.Sprintf("no answer within %s", limit), Remedy: "run it again; if it stays so, look at the load of the machine and of the database"}}
}

// Failed tells whether one of the findings is a failure.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Level == Fail {
			return true
		}
	}
	return false
}

func ok(format string, args ...any) Finding {
	return Finding{Level: OK, Text: fmt.Sprintf(format, args...)}
}

func warn(remedy, format string, args ...any) Finding {
	return Finding{Level: Warn, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

func fail(remedy, format string, args ...any) Finding {
	return Finding{Level: Fail, Text: fmt.Sprintf(format, args...), Remedy: remedy}
}

// none returns what was found, or that all is well.
func none(found []Finding, format string, args ...any) []Finding {
	if len(found) == 0 {
		return []Finding{ok(format, args...)}
	}
	return found
}
