// Package manifest is configuration as files: it reads documents of workflows, webhooks
// and alerts, says what has to change so that a project is what they say, and writes the
// documents of what is there.
//
// It is pure: files come as bytes, what is stored as ground types, and what is to be done
// goes out as a Plan, which somebody else carries out.
package manifest
