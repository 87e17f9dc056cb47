package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// root is the clone, from here.
const root = "../.."

// block is a fenced or an indented block of a page.
type block struct {
	language string // "sh" for an indented one, whose lines are without their indent
	line     int    // where it begins, from 1
	text     string
}

const indent = "    "

var pageFence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// blocksOf are the blocks of a page, in order.
func blocksOf(page string) (blocks []block) {
	var open *block
	fenced, blank := false, true
	for i, line := range strings.Split(page, "\n") {
		language, isFence := strings.CutPrefix(line, "```")
		switch {
		case fenced && isFence:
			blocks = append(blocks, *open)
			open, fenced = nil, false
		case fenced:
			open.text += line + "\n"
		case open != nil && strings.HasPrefix(line, indent):
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case open == nil && blank && strings.HasPrefix(line, indent):
			open = &block{language: "sh", line: i + 1, text: strings.TrimPrefix(line, indent) + "\n"}
		default:
			if open != nil {
				blocks = append(blocks, *open)
				open = nil
			}
			if isFence {
				open, fenced = &block{language: language, line: i + 1}, true
			}
		}
		blank = line == ""
	}
	return blocks
}

// pagesOf are the pages of the documentation, as paths below the clone.
func pagesOf(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	require.Greater(t, len(pages), 10)
	list := []string{"README.md"}
	for _, page := range pages {
		list = append(list, "docs/"+filepath.Base(page))
	}
	return list
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// pageScript is the script that runs a page.
func pageScript(page string) string {
	return filepath.Join("testdata", "pages", strings.ToLower(strings.TrimSuffix(filepath.Base(page), ".md"))+".txtar")
}

// TestPages_Commands runs every block of sh of every page: testdata/pages has a script for
// each, which says what has to be there before, what the ids are, and which commands
// cannot be run here, and why.
func TestPages_Commands(t *testing.T) {
	t.Parallel()
	for _, page := range pagesOf(t) {
		if !slices.ContainsFunc(blocksOf(readFile(t, page)), func(b block) bool { return b.language == "sh" }) {
			continue
		}
		script, err := os.ReadFile(pageScript(page))
		require.NoError(t, err, "%s has commands: write the script that runs them", page)
		require.Regexp(t, `(?m)^page open `+regexp.QuoteMeta(page)+`( |$)`, string(script))
		require.Regexp(t, `(?m)^page end$`, string(script), page)
	}
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "pages"), RequireExplicitExec: true, Cmds: verbs(), Setup: setup})
}

// reading is how far a script is with a page.
type reading struct {
	page   string
	blocks []block
	next   int
}

// pageVerb runs the commands of a page of the documentation, block by block:
//
//	page open FILE [WITHOUT]        reads README.md or docs/….md, and writes the files it names;
//	                                blocks that begin with WITHOUT are left to another test
//	page run START [OLD=NEW]…       runs the next block of sh, which begins with START
//	page screen WxH START           shows it on a terminal
//	page skip START REASON          leaves it out
//	page end                        fails where blocks are left
//
// In a block the addresses of the daemon and ./bin are those of the script, and OLD is
// replaced by NEW. What one block sets, the next one has.
func pageVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: page open|run|screen|skip|end …")
	}
	s := sceneOf(ts)
	switch what, args := args[0], args[1:]; {
	case what == "open" && (len(args) == 1 || len(args) == 2):
		s.reading = openPage(ts, args[0], strings.Join(args[1:], ""))
	case what == "run" && len(args) > 0:
		ts.Check(ts.Exec("sh", "-e", s.reading.take(ts, args[0], args[1:])))
	case what == "screen" && len(args) == 2:
		startScreen(ts, args[0], []string{"sh", s.reading.take(ts, args[1], nil)})
	case what == "skip" && len(args) == 2:
		s.reading.take(ts, args[0], nil)
	case what == "end" && len(args) == 0:
		if r := s.reading; r.next < len(r.blocks) {
			ts.Fatalf("%s:%d is not run:\n%s", r.page, r.blocks[r.next].line, r.blocks[r.next].text)
		}
	default:
		ts.Fatalf("usage: page open FILE [WITHOUT], run START [OLD=NEW]…, screen WxH START, skip START REASON, or end")
	}
}

func openPage(ts *testscript.TestScript, page, without string) *reading {
	text, err := os.ReadFile(filepath.Join(ts.Getenv("EXAMPLES"), "..", page))
	ts.Check(err)
	r := &reading{page: page}
	for _, b := range blocksOf(string(text)) {
		name := fileName.FindStringSubmatch(b.text)
		switch {
		case name != nil:
			ts.Check(os.WriteFile(ts.MkAbs(name[1]), []byte(b.text), 0o600))
		case b.language == "sh" && (without == "" || !strings.HasPrefix(b.text, without)):
			r.blocks = append(r.blocks, b)
		}
	}
	// A page is read in a clone in which the program has been built.
	program, err := exec.LookPath("meshhook")
	ts.Check(err)
	ts.Check(os.Mkdir(ts.MkAbs("bin"), 0o700))
	ts.Check(os.Symlink(program, ts.MkAbs("bin/meshhook")))
	ts.Check(os.Symlink(ts.Getenv("EXAMPLES"), ts.MkAbs("examples")))
	return r
}

// take returns the file of the next block, as it can be run here.
func (r *reading) take(ts *testscript.TestScript, start string, replace []string) string {
	if r == nil || r.next == len(r.blocks) {
		ts.Fatalf("the page has no further block; begin with 'page open'")
	}
	b := r.blocks[r.next]
	if !strings.HasPrefix(b.text, start) {
		ts.Fatalf("%s:%d does not begin with %q:\n%s", r.page, b.line, start, b.text)
	}
	r.next++
	text := b.text
	for old, by := range map[string]string{"http://127.0.0.1:8081": ts.Getenv("ADMIN"), "http://localhost:8080": ts.Getenv("INGRESS")} {
		text = strings.ReplaceAll(text, old, by)
	}
	for _, pair := range replace {
		old, by, ok := strings.Cut(pair, "=")
		if !ok || !strings.Contains(text, old) {
			ts.Fatalf("%s:%d has no %q to replace:\n%s", r.page, b.line, old, b.text)
		}
		text = strings.ReplaceAll(text, old, by)
	}
	// What a block sets goes to the next one by a file, without what the script itself has set.
	state := ts.MkAbs(".page.env")
	text = "export -p > " + state + ".before\nset -a\nif [ -e " + state + " ]; then . " + state + "; fi\n" + text +
		"\nexport -p > " + state + ".after\ngrep -vxFf " + state + ".before " + state + ".after > " + state + " || true\n"
	file := ts.MkAbs(".page." + strconv.Itoa(r.next) + ".sh")
	ts.Check(os.WriteFile(file, []byte(text), 0o600))
	return file
}
