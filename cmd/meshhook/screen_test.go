package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// screenVerb shows a command on a real terminal, that of tmux, and works its keys:
//
//	screen start WIDTHxHEIGHT COMMAND [ARG…]
//	screen keys KEY…       as tmux names them: Enter, Escape, j, C-d; others are typed
//	screen size WIDTHxHEIGHT
//	screen see REGEXP      waits until a line of the screen matches
//	screen lost REGEXP     waits until none does
//	screen ended STATUS    waits until the command has ended, with this status
//	screen again COMMAND [ARG…]   ends the command, and shows another in its place
//	screen show            prints the screen to stdout
//	screen draw FILE       draws it, as an SVG
//
// The command ends with the script.
func screenVerb(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: screen start|again|keys|size|see|lost|ended|show|draw …")
	}
	switch what, rest := args[0], args[1:]; {
	case what == "start" && len(rest) > 1:
		startScreen(ts, rest[0], rest[1:])
	case what == "keys" && len(rest) > 0:
		tmux(ts, append([]string{"send-keys", "-t", "screen"}, rest...)...)
	case what == "size" && len(rest) == 1:
		width, height, _ := strings.Cut(rest[0], "x")
		tmux(ts, "resize-window", "-t", "screen", "-x", width, "-y", height)
	case what == "see" && len(rest) == 1:
		awaitScreen(ts, rest[0], true)
	case what == "lost" && len(rest) == 1:
		awaitScreen(ts, rest[0], false)
	case what == "ended" && len(rest) == 1:
		awaitScreen(ts, "^ended with "+rest[0]+"$", true)
	case what == "again" && len(rest) > 0:
		tmux(ts, append([]string{"respawn-pane", "-k", "-t", "screen"}, watched(rest)...)...)
	case what == "show":
		tmux(ts, "capture-pane", "-p", "-t", "screen")
	case what == "draw" && len(rest) == 1:
		drawScreen(ts, rest[0])
	default:
		ts.Fatalf("usage: screen start|again|keys|size|see|lost|ended|show|draw …")
	}
}

func startScreen(ts *testscript.TestScript, size string, command []string) {
	width, height, _ := strings.Cut(size, "x")
	tmux(ts, append([]string{"-f", "/dev/null", "new-session", "-d", "-s", "screen", "-x", width, "-y", height}, watched(command)...)...)
	socket := socketOf(ts)
	ts.Defer(func() { // it may have ended by itself
		_ = exec.Command("tmux", "-S", socket, "kill-server").Run() //nolint:noctx // the script's context is over by then
	})
}

// watched is a command in a shell that says how it has ended, and stays: its last words
// are still to be seen, and tmux misses the end of a process now and then.
func watched(command []string) []string {
	return append([]string{"sh", "-c", `"$@"; echo "ended with $?"; exec cat`, "sh"}, command...)
}

// socketOf is where the script's own tmux listens.
func socketOf(ts *testscript.TestScript) string {
	return filepath.Join(ts.Getenv("WORK"), "tmux")
}

func tmux(ts *testscript.TestScript, args ...string) {
	ts.Check(ts.Exec("tmux", append([]string{"-S", socketOf(ts)}, args...)...))
}

// awaitScreen waits until the screen matches, or does not.
func awaitScreen(ts *testscript.TestScript, text string, there bool) {
	wanted, err := regexp.Compile("(?m)" + text)
	ts.Check(err)
	deadline := time.After(patience)
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		// Not by the script's own verb, which logs every look.
		screen, err := exec.Command("tmux", "-S", socketOf(ts), "capture-pane", "-p", "-t", "screen").Output() //nolint:noctx // it ends at once
		ts.Check(err)
		if wanted.Match(screen) == there {
			return
		}
		select {
		case <-pause.C:
		case <-deadline:
			ts.Fatalf("waited in vain for %q (there: %t) on\n%s", text, there, screen)
		}
	}
}
