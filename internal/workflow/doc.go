// Package workflow is the definition language: it parses and checks documents,
// tells by a digest whether two mean the same, and decides what a run has to do
// next. It is pure: it does no input or output, reads no clock and keeps no
// state, so that every decision can be repeated from what is recorded.
//
// A document becomes a Definition (Parse), a Definition a Program (Compile). A
// daemon asks the Program (Next) with the State of a run, performs the tasks of
// the Decision, has their results judged (Settle), records the steps, and asks
// again until the Decision is to Finish.
//
// The rules of a run, all in Next:
//
//   - A step is ready when every step that it needs has ended: succeeded,
//     skipped, or failed with continue_on_error. Without `needs` a step needs the
//     one before it. Steps that are ready run side by side.
//   - A step that has ended is never begun again. One that is recorded as running
//     while nobody performs it (its daemon died) is performed again, whatever its
//     attempts, with the same idempotency key.
//   - A step that failed without continue_on_error, and a terminate step, end the
//     run: nothing new begins, waiting retries are given up, calls under way are
//     let come to their end, then the run finishes.
//   - `timeout` of a run counts from its start, that of a step from the step's
//     beginning, retries and the waits between them included; http.timeout bounds
//     one try (30s) and is cut to what the other two leave. A transform or
//     terminate step needs no time of its own and never meets its timeout.
//   - A run that comes to its end without terminate succeeds with no output.
package workflow
