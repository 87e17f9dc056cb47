// Package alert decides what an alert says and to whom: it checks and compiles a
// configuration, narrows, renders and signs the message, reads its receiver's
// answer, and knows when to try again. It is pure: no database, no network, no
// clock. Moments and randomness come in as values, save that NewSecret asks the
// system for a key.
//
// The rule behind its choices is that nobody misses a failed run. What goes wrong
// while a message is made costs as little of it as can be: a `when` that fails
// narrows nothing, a payload that fails leaves the preset's own message, a header
// that fails is left out. Only a URL that fails stops a message, since nobody can
// say where it should go.
package alert
