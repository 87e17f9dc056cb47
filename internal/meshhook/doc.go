// Package meshhook is the ground: the nouns of the product, the states that
// they may take, what makes them valid, and the codes of what can go wrong. It
// imports nothing of ours and knows no database, wire or screen.
//
// The words, one for one thing, down the whole house:
//
//	project   a tenant
//	webhook   an ingress endpoint (type Endpoint); its name is its path
//	event     one request that came to a webhook, accepted or rejected
//	workflow  a named definition
//	version   one immutable revision of a workflow
//	run       one execution of a version
//	step      a unit of a workflow, and its record in a run
//	entry     one fact in the journal, the append-only history that tail follows
//	secret    a vault entry, or a value that must not be shown (type Secret)
//	lease     a daemon's dated hold on a run
//	bell      a notification that says "look now" and carries no data
package meshhook
