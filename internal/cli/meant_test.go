package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"orders", "border", "invoices", "a", "workflow-of-shop"}
	for wrong, want := range map[string]string{
		"ordrs": "orders", "Orders": "orders", "oders": "orders", "invoice": "invoices", "nothing": "", "": "", "b": "", "customers": "", "work": "workflow-of-shop", "wo": "", "bord": "border",
	} {
		require.Equal(t, want, nearest(wrong, names), wrong)
	}
	require.EqualError(t, newChoice(new(string), "accepted", "rejected").Set("acepted"), "use accepted or rejected; did you mean accepted?")
	require.EqualError(t, newChoice(new(string), "accepted", "rejected").Set("blue"), "use accepted or rejected")
}
