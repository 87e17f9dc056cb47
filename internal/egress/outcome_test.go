package egress_test

import (
	"errors"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/egress"
	"github.com/profullstack/meshhook/internal/meshhook"
)

func TestOutcome(t *testing.T) {
	t.Parallel()
	succeeded := meshhook.CallOutcome{Verdict: meshhook.CallSucceeded}
	for _, status := range []int{200, 301, 404, 408, 425, 429, 499} {
		require.Equal(t, succeeded, egress.Outcome(egress.Reply{Status: status}, nil), status)
	}
	for _, status := range []int{500, 501, 502, 503, 504, 599} {
		require.Equal(t, meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: strconv.Itoa(status)},
			egress.Outcome(egress.Reply{Status: status}, nil))
	}
	for _, reason := range []egress.Reason{
		egress.ReasonDNS, egress.ReasonConnect, egress.ReasonTLS, egress.ReasonTimeout, egress.ReasonReset, egress.ReasonProtocol,
	} {
		require.Equal(t, meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: string(reason)},
			egress.Outcome(egress.Reply{Status: 200}, &egress.Error{Reason: reason}), "an answer that broke off is none")
	}
	for _, err := range []error{
		&egress.Error{Reason: egress.ReasonBadURL}, &egress.Error{Reason: egress.ReasonBadRequest},
		&egress.Error{Reason: egress.ReasonRefusedAddress}, &egress.Error{Reason: egress.ReasonCanceled}, errors.New("ours"),
	} {
		require.Equal(t, meshhook.CallOutcome{}, egress.Outcome(egress.Reply{}, err))
	}
}
