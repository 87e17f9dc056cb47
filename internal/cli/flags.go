package cli

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
)

// choice is a flag that takes one of some words.
type choice struct {
	value *string
	words []string
}

func newChoice(value *string, words ...string) *choice { return &choice{value, words} }

func (c *choice) String() string { return *c.value }

// Type names the value in the help.
// Type is what help shows for the value.
func (c *choice) Type() string { return "string" }

// Set refuses what is none of the words.
func (c *choice) Set(text string) error {
	if !slices.Contains(c.words, text) {
		if near := nearest(text, c.words); near != "" {
			return fmt.Errorf("use %s; did you mean %s?", orList(c.words), near)
		}
		return errors.New("use " + orList(c.words))
	}
	*c.value = text
	return nil
}

func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// addChoice adds a flag that takes one of some words, which a shell completes.
func addChoice[S ~string](cmd *cobra.Command, value *string, name, help string, words []S) {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	cmd.Flags().Var(newChoice(value, texts...), name, help+": "+orList(texts))
	completeFlag(cmd, name, cobra.FixedCompletions(texts, cobra.ShellCompDirectiveNoFileComp))
}

// rateFlag reads a rate limit; an empty one is none.
type rateFlag struct{ limit *meshhook.RateLimit }

// Type names the value in the help.
// Type is what help shows for the value.
func (r *rateFlag) Type() string { return "rate" }

func (r *rateFlag) String() string {
	if r.limit == nil {
		return ""
	}
	return r.limit.String()
}

// Set reads what meshhook.ParseRateLimit reads.
func (r *rateFlag) Set(text string) error {
	r.limit = nil
	if text == "" {
		return nil
	}
	limit, err := meshhook.ParseRateLimit(text)
	if err == nil {
		r.limit = &limit
	}
	return err
}

// schemeFlag is the name of a verification scheme.
type schemeFlag string

// Type is what help shows for the value.
func (s *schemeFlag) Type() string { return "scheme" }

func (s *schemeFlag) String() string { return string(*s) }

// Set refuses a name that is not one, and says which was probably meant.
func (s *schemeFlag) Set(text string) error {
	if _, known := signature.Find(text); !known {
		_, err := signature.New(meshhook.Verification{Scheme: text})
		return err
	}
	*s = schemeFlag(text)
	return nil
}

// networksFlag reads networks in CIDR notation, or addresses; an empty one takes
// away what was there.
type networksFlag struct{ list []netip.Prefix }

// Type names the value in the help.
// Type is what help shows for the value.
func (n *networksFlag) Type() string { return "CIDR" }

func (n *networksFlag) String() string {
	texts := make([]string, len(n.list))
	for i, network := range n.list {
		texts[i] = network.String()
	}
	return strings.Join(texts, ",")
}

// Set adds networks, with commas between them.
func (n *networksFlag) Set(text string) error {
	if text == "" {
		n.list = nil
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		network, err := meshhook.ParseNetwork(item)
		if err != nil {
			return err
		}
		n.list = append(n.list, network)
	}
	return nil
}

// addDuration adds a flag that takes a duration of Go's.
func addDuration(flags *pflag.FlagSet, value *meshhook.Duration, name, help string) {
	flags.TextVar(value, name, *value, help)
	flags.Lookup(name).DefValue = "" // for the help: no duration is no default
	if *value != 0 {
		flags.Lookup(name).DefValue = value.String()
	}
}

// ago is the moment a duration before now; the zero time for none.
func ago(d meshhook.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return time.Now().Add(-d.Std())
}

// maxList bounds --limit.
const maxList = 1000

// addLimit adds --limit to a command that lists what grows.
func addLimit(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 50, "`number` of entries at most, 1 to 1000")
}

func checkLimit(limit int) error {
	if limit < 1 || limit > maxList {
		return usageError("--limit %d is out of range; use 1 to %d", limit, maxList)
	}
	return nil
}

// parseID reads an argument that must be an id.
func parseID(text string) (meshhook.ID, error) {
	id, err := meshhook.ParseID(text)
	if err != nil {
		return id, usageError("%w", err)
	}
	return id, nil
}

// maxInput bounds what is read from a file or standard input, in bytes.
const maxInput = meshhook.MaxMaxBody

// readFile reads a file that the user named; "-" is standard input.
func (a *app) readFile(name string) (text []byte, err error) {
	source := a.In
	if name != "-" {
		file, notOpen := os.Open(name)
		if notOpen != nil {
			if strings.HasPrefix(strings.TrimSpace(name), "{") { // the text itself, as curl would take it
				return nil, meshhook.Errorf(meshhook.CodeInvalid, "%q is no file; name one that holds this, or give - and pipe the text in", cut(name, 40))
			}
			return nil, fileError(name, notOpen)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		source = file
	}
	return readCapped(name, source, maxInput)
}

// readCapped reads everything, unless that is more than a limit in bytes.
func readCapped(name string, source io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(source, limit+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	if int64(len(text)) > limit {
		return nil, meshhook.Errorf(meshhook.CodeInvalid, "%s is larger than %s", name, meshhook.FormatSize(limit))
	}
	return text, nil
}

func fileError(name string, err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = path.Err
	}
	return meshhook.Errorf(meshhook.CodeInvalid, "cannot read %s: %w", name, err)
}
