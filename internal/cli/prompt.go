package cli

import (
	"bufio"
	"fmt"
	"strings"
)

// prompt shows a question, or the newline that its unseen answer lacks.
func (a *app) prompt(text string) error {
	_, err := fmt.Fprint(a.Err, text)
	return err
}

// confirm asks a person at a terminal whether to do what cannot be undone. Where
// there is none, --yes must be given.
func (a *app) confirm(question string) (bool, error) {
	if !a.InTTY {
		return false, usageError("%s Give --yes to do it without being asked", question)
	}
	if err := a.prompt(question + " [y/N] "); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(a.In).ReadString('\n')
	if err != nil && answer == "" {
		return false, nil // no answer is a no
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
