package alert

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Warnings returns what is allowed but probably a mistake, in the order of the names:
// one of Subject.Context that is misspelt. It is null, and a `when` that compares it
// keeps every message back.
func (p *Program) Warnings() (warnings []string) {
	for _, read := range p.reads {
		name, member, _ := strings.Cut(read, ".")
		value, known := names()[name]
		switch {
		case name == "":
		case !known:
			warnings = append(warnings, misspelt("", name, names())...)
		case member != "":
			members, _ := value.(map[string]any) // nil where they are the owner's
			if _, known := members[member]; !known {
				warnings = append(warnings, misspelt("."+name, member, members)...)
			}
		}
	}
	return warnings
}

// misspelt says which of the names is meant. What is like none of them is not doubted:
// within a function that the expression defines, it may be a name of its input's.
func misspelt(place, name string, known map[string]any) []string {
	guess := workflow.Nearest(name, slices.Sorted(maps.Keys(known)))
	if guess == "" {
		return nil
	}
	return []string{place + "." + name + " is null: expressions see no such name; did you mean " + place + "." + guess + "?"}
}

// names are all that expressions see, with the members of those that are MeshHook's
// own. They are read off samples, so that they cannot be others.
var names = sync.OnceValue(func() map[string]any {
	all := map[string]any{}
	for _, condition := range []meshhook.Condition{meshhook.OnExhausted, meshhook.OnWaiting} {
		s := &Subject{Alert: meshhook.Alert{On: []meshhook.Condition{condition}, Expect: &meshhook.Expect{Webhook: "sample"}}}
		s.Delivery.CreatedAt = time.Unix(0, 0)
		s.FillSample()
		for name, value := range s.Context() {
			if value != nil || all[name] == nil {
				all[name] = value
			}
		}
	}
	all["steps"], all["secrets"] = nil, nil
	return all
})
