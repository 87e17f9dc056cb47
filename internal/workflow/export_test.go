package workflow

import (
	"slices"
	"strings"
)

// Keys returns the keys of every mapping of the language, sorted, the required
// ones with a star.
func Keys() map[string]string {
	return map[string]string{
		"workflow":    starred(workflowFields()),
		"concurrency": starred(concurrencyFields()),
		"step":        starred(stepFields()),
		"http":        starred(httpFields()),
		"retry":       starred(retryFields()),
		"arm":         starred(armFields()),
		"foreach":     starred(foreachFields()),
		"delay":       starred(delayFields()),
		"approval":    starred(approvalFields()),
		"terminate":   starred(terminateFields()),
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
