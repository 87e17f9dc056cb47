package workflow

import (
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// kind is what a step can do. A kind is one entry of kinds and one file that
// holds its keys, its reading and its work.
type kind struct {
	name string
	// read reads and checks the value of the kind's key. It is nil for a kind of
	// the language that this version does not run.
	read func(c *checker, n *node) work
}

// work is what a step of some kind does.
type work interface {
	// begin does the step, or goes on with it: the record that is given is fresh
	// (attempt 0), or else running or waiting and due. It returns the record as
	// it is now, and with a step that needs the outer world, the task to perform.
	begin(t *turn, s *Step, record meshhook.Step) (meshhook.Step, *Task)
}

// kinds lists the kinds of the language, in the order of messages.
func kinds() []kind {
	return []kind{
		{"transform", readTransform},
		{"http", readHTTP},
		{"terminate", readTerminate},
		{"branch", nil},
		{"foreach", nil},
		{"delay", nil},
		{"approval", nil},
	}
}

func isKind(name string) bool {
	return slices.ContainsFunc(kinds(), func(k kind) bool { return k.name == name })
}

// runnable are the names of the kinds that this version runs.
func runnable() []string {
	var names []string
	for _, k := range kinds() {
		if k.read != nil {
			names = append(names, k.name)
		}
	}
	return names
}
