package workflow

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
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

// Limits are the rows of the guide's table that this package sets.
func Limits() map[string]string {
	thousands := func(n int) string {
		if n < 1000 {
			return strconv.Itoa(n)
		}
		return fmt.Sprintf("%d,%03d", n/1000, n%1000)
	}
	size := func(n int64) string {
		return strings.NewReplacer("MiB", " MiB", "KiB", " KiB").Replace(meshhook.FormatSize(n))
	}
	return map[string]string{
		"a file":              size(maxDocument),
		"workflows in a file": thousands(maxDocuments),
		"steps of a workflow, nested ones included":   thousands(maxSteps),
		"levels of steps in steps":                    thousands(maxNesting),
		"items of a foreach":                          thousands(maxItems),
		"items at once (`concurrency`)":               thousands(maxItemsAtOnce),
		"runs at once (`concurrency` of a workflow)":  thousands(maxRunsAtOnce),
		"outputs of a foreach's items, together":      size(maxOutputs),
		"calls of one run at once":                    thousands(maxUnderway),
		"body of an answer, of a request in a record": size(maxAnswer),
		"tries of a call (`attempts`)":                thousands(maxAttempts),
		"wait that `Retry-After` can ask for":         maxRetryAfter.String()[:2],
		"length of a delay":                           thousands(int(maxDelay.Hours()/24/366)) + " years",
	}
}
