package manifest

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// Mark begins every file that export writes into a directory, so that it may write it
// anew.
const Mark = "# Written by 'meshhook export', which writes this file anew."

// Document is a document of what a project has.
type Document struct {
	Kind Kind
	Name string
	// Path is where it stands in a directory, with slashes.
	Path string
	// Text is the document, without Mark.
	Text string
	// Kept tells that parts of it are {kept: true}, so that it can only be applied where
	// they are.
	Kept bool
}

// File is the text of the document's file.
func (d Document) File() string { return Mark + "\n" + d.Text }

// Stream is all documents as one file.
func Stream(documents []Document) string {
	var b strings.Builder
	for _, d := range documents {
		if !strings.HasPrefix(d.Text, "---") {
			b.WriteString("---\n")
		}
		b.WriteString(d.Text)
	}
	return b.String()
}

// Export writes the documents of what a project has, in an order that Parse's Plan makes
// them in. Defaults are left out. Of alerts, what may be a credential is {kept: true},
// unless it is to be revealed; of secrets there is the name of the entry of the vault that
// has the same value. maxBody is Options.MaxBody.
func Export(have Present, maxBody int64, reveal bool) (list []Document) {
	x := exporter{have, maxBody, reveal, map[string]bool{}}
	for _, v := range have.Workflows {
		list = append(list, Document{Kind: KindWorkflow, Name: v.Workflow, Path: x.path("workflows", v.Workflow), Text: workflowText(v)})
	}
	for _, e := range have.Webhooks {
		list = append(list, Document{Kind: KindWebhook, Name: e.Path, Path: x.path("webhooks", e.Path), Text: writeYAML(x.webhook(e))})
	}
	alerts := slices.SortedFunc(slices.Values(have.Alerts), func(a, b meshhook.Alert) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range alerts {
		o, kept := x.alert(a)
		list = append(list, Document{Kind: KindAlert, Name: a.Name, Path: x.path("alerts", a.Name), Text: writeYAML(o), Kept: kept})
	}
	return list
}

type exporter struct {
	have    Present
	maxBody int64
	reveal  bool
	taken   map[string]bool
}

// path is a file of its own for a name, on disks that do not tell cases apart, too. The
// slash of a webhook's path is a plus there, which no path has otherwise.
func (x exporter) path(dir, name string) string {
	base := dir + "/" + strings.ReplaceAll(name, "/", "+")
	path := base + ".yaml"
	for n := 2; x.taken[strings.ToLower(path)]; n++ {
		path = base + "+" + strconv.Itoa(n) + ".yaml"
	}
	x.taken[strings.ToLower(path)] = true
	return path
}

// workflowText is a workflow as it was applied, where that can stand beside others, and
// otherwise what it says.
func workflowText(v meshhook.Version) string {
	source := strings.TrimPrefix(v.Source, "\ufeff")
	for {
		rest, found := strings.CutPrefix(source, Mark+"\n")
		if !found {
			rest, found = strings.CutPrefix(source, "---\n")
		}
		if !found {
			break
		}
		source = rest
	}
	if !strings.HasSuffix(source, "\n") {
		source += "\n"
	}
	if says(Mark+"\n"+source, v.Digest) && says("---\n"+source, v.Digest) {
		return source
	}
	sections, _ := workflow.ReadSections("", []byte(v.Source), limits)
	if len(sections) != 1 {
		return source
	}
	root, ok := sections[0].Root()
	if !ok || root.Kind() != workflow.Mapping {
		return source
	}
	var o object
	for key, value := range root.Fields() {
		o = append(o, memberOf{key: key.Text(), value: orNull(value.Data())})
	}
	return writeYAML(o)
}

// says tells whether a file is one workflow, with this digest.
func says(file, digest string) bool {
	d, err := workflow.Parse("", []byte(file))
	return err == nil && d.Digest() == digest
}

func (x exporter) webhook(e meshhook.Endpoint) object {
	o := showWebhook(e, x.maxBody)
	at := 2
	for at < len(o) && slices.Contains([]string{"description", "enabled", "verification"}, o[at].key) {
		at++
	}
	return slices.Insert(o, at, x.secret(e.HasSecret, x.have.WebhookSecrets[e.ID])...)
}

// secret is how a document names a secret.
func (x exporter) secret(there bool, secret meshhook.Secret) []memberOf {
	if !there {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(x.have.Vault)) {
		if value := x.have.Vault[name]; !secret.IsZero() && value.Reveal() == secret.Reveal() {
			return []memberOf{{key: "secret", value: object{{key: "vault", value: name}}}}
		}
	}
	return []memberOf{{value: comment("secret: stays as it is; no secret of the vault has its value")}}
}

func (x exporter) alert(a meshhook.Alert) (o object, kept bool) {
	for _, m := range showAlert(a) {
		if hidden := unwritable(m); hidden || !x.reveal {
			hidden = hidden || x.hide(m, a)
			kept = kept || hidden
			m = keep(m, hidden)
		}
		o = append(o, m)
		switch {
		case m.key == "enabled" && a.DisabledReason != "":
			o = append(o, memberOf{value: comment("MeshHook disabled it: " + a.DisabledReason)})
		}
	}
	_, signed := x.have.AlertSecrets[a.ID]
	return append(o, x.secret(signed && a.Signing != meshhook.SigningNone, x.have.AlertSecrets[a.ID])...), kept
}

// named is a text that holds nothing but the name of a secret, after the word for how to
// use it where there is one.
var named = regexp.MustCompile(`^([A-Z][A-Za-z]{0,15} )?\{\{ *\.secrets\.[A-Za-z_][A-Za-z0-9_]* *\}\}$`)

// hide tells whether a member may hold a credential.
func (x exporter) hide(m memberOf, a meshhook.Alert) bool {
	switch m.key {
	case "url":
		return !named.MatchString(a.URL) && a.Masked().URL != a.URL
	case "headers":
		return slices.ContainsFunc(slices.Collect(maps.Values(a.Headers)), func(value string) bool { return !named.MatchString(value) })
	case "payload":
		return true
	}
	return false
}

// unwritable tells that a payload would be taken for something else in a document.
func unwritable(m memberOf) bool {
	fields, is := m.value.(map[string]any)
	if m.key != "payload" || !is {
		return false
	}
	_, file := fields["file"]
	_, kept := fields["kept"]
	return len(fields) == 1 && (file || kept) || depth(fields) > maxInline
}

func keep(m memberOf, hidden bool) memberOf {
	kept := object{{key: "kept", value: true}}
	values, isMap := m.value.(map[string]any)
	switch {
	case !hidden:
	case m.key == "headers" && isMap:
		headers := map[string]any{}
		for name, value := range values {
			headers[name] = kept
			if text, _ := value.(string); named.MatchString(text) {
				headers[name] = text
			}
		}
		m.value = headers
	default:
		m.value = kept
	}
	return m
}
