package egress

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Outcome says what a call tells of the host that was called, for its circuit:
// no complete answer and every status from 500 on are its failure. Any other answer
// shows that it is there, also one that is no success for the caller; 429 says
// itself how long to wait. What did not leave this machine, because it cannot be
// sent or must not, and what the caller broke off, tells nothing.
func Outcome(reply Reply, err error) meshhook.CallOutcome {
	if err == nil {
		if reply.Status >= http.StatusInternalServerError {
			return meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: strconv.Itoa(reply.Status)}
		}
		return meshhook.CallOutcome{Verdict: meshhook.CallSucceeded}
	}
	failure, ok := errors.AsType[*Error](err)
	if !ok || !failure.Temporary() || failure.Reason == ReasonCanceled {
		return meshhook.CallOutcome{}
	}
	return meshhook.CallOutcome{Verdict: meshhook.CallFailed, Reason: string(failure.Reason)}
}
