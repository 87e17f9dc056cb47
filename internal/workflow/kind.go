package workflow

import (
	"encoding/json"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The kinds of steps.
const (
	KindTransform = "transform"
	KindHTTP      = "http"
	KindBranch    = "branch"
	KindForeach   = "foreach"
	KindDelay     = "delay"
	KindApproval  = "approval"
	KindTerminate = "terminate"
)

// kind is what a step can do. A kind is one entry of kinds and one file that
// holds its keys, its reading and its work.
type kind struct {
	name string
	// read reads and checks the value of the kind's key. The step is there for
	// kinds that hold steps themselves.
	read func(c *checker, n *node, s *stepDraft) work
}

// work is what a step of some kind does.
type work interface {
	// begin does the step, or goes on with it: the record that is given is fresh
	// (attempt 0), or else running or waiting and due. It returns the record as
	// it is now, and with a step that needs the outer world, the task to perform.
	begin(t *turn, f frame, s *Step, record meshhook.Step) (meshhook.Step, *Task)
}

// compound is the work of a step that holds steps. begin says which; then the
// record is running, and every turn goes on with what is in it.
type compound interface {
	work
	// goOn takes the steps inside as far as they go now.
	goOn(t *turn, f frame, s *Step, record meshhook.Step, b bounds) progress
	// output is the step's output once all that is inside has ended well.
	output(t *turn, record meshhook.Step) json.RawMessage
}

// kinds lists the kinds of the language, in the order of messages.
func kinds() []kind {
	return []kind{
		{KindTransform, readTransform},
		{KindHTTP, readHTTP},
		{KindBranch, readBranch},
		{KindForeach, readForeach},
		{KindDelay, readDelay},
		{KindApproval, readApproval},
		{KindTerminate, readTerminate},
	}
}

func isKind(name string) bool {
	return slices.ContainsFunc(kinds(), func(k kind) bool { return k.name == name })
}

// kindNames are the names of all kinds.
func kindNames() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}
