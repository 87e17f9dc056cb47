package workflow

import (
	"slices"
	"strings"
)

// Keys returns the keys of every mapping of the language that this version
// runs, sorted, the required ones with a star.
func Keys() map[string]string {
	step := stepFields()
	step = slices.DeleteFunc(step, func(f field[stepDraft]) bool {
		return isKind(f.key) && !slices.Contains(runnable(), f.key)
	})
	return map[string]string{
		"workflow":  starred(workflowFields()),
		"step":      starred(step),
		"http":      starred(httpFields()),
		"retry":     starred(retryFields()),
		"terminate": starred(terminateFields()),
	}
}

func starred[T any](table []field[T]) string {
	var list []string
	for _, f := range table {
		key := f.key
		if f.required {
			key += "*"
		}
		list = append(list, key)
	}
	return SortedKeys(list)
}

// SortedKeys lists keys in one line.
func SortedKeys(list []string) string {
	slices.Sort(list)
	return strings.Join(list, " ")
}
