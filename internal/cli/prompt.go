package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// prompt shows a question, or the newline that its unseen answer lacks.
func (a *app) prompt(text string) error {
	_, err := fmt.Fprint(a.Err, text)
	return err
}

// confirm asks a person at a terminal whether to do what cannot be undone. Where
// there is none, --yes must be given.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	if !a.InTTY {
		return false, usageError("%s Give --yes to do it without being asked", question)
	}
	if err := a.prompt(question + " [y/N] "); err != nil {
		return false, err
	}
	answer, err := await(ctx, func() (string, error) { return bufio.NewReader(a.In).ReadString('\n') })
	if ctx.Err() != nil {
		return false, errors.Join(ctx.Err(), a.prompt("\n"))
	}
	if err != nil && answer == "" {
		return false, nil // no answer is a no
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// await returns what read does, or the context's error when that ends first. The
// read of a terminal cannot be called off: it is left behind, and the process ends
// without it.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read()
		answers <- answer{text, err}
	}()
	select {
	case got := <-answers:
		return got.text, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readUnseen reads a line from standard input, a terminal, without echo. An
// interrupt leaves the read behind with the echo off, so it is put back here.
func readUnseen(ctx context.Context) (string, error) {
	terminal := int(os.Stdin.Fd()) //nolint:gosec // descriptors are small
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	text, err := await(ctx, func() (string, error) {
		text, err := term.ReadPassword(terminal)
		return string(text), err
	})
	if ctx.Err() != nil {
		err = errors.Join(err, term.Restore(terminal, before))
	}
	return text, err
}
