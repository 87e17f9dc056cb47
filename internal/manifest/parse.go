package manifest

import (
	"path"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/signature"
	"github.com/profullstack/meshhook/internal/workflow"
)

// limits bound a file, and what export writes as one stream.
var limits = workflow.SectionLimits{Bytes: 16 << 20, Documents: 10_000}

// File is a file of documents.
type File struct {
	// Name is what messages call it.
	Name   string
	Source []byte
	// Found tells that it was found in a directory and not named: it need not hold
	// documents when one of the others names it as the file of a schema or payload.
	Found bool
	// Key tells files apart: a path with slashes, below a directory that is read as a
	// whole or holds the file.
	Key string
	// Read reads another file by its Key; nil where there is none.
	Read func(key string) ([]byte, error)
	// ReadSecret reads a secret from a path beside the file; nil where there is none.
	ReadSecret func(path string) ([]byte, error)
}

// Options are what documents are checked with.
type Options struct {
	// MaxBody is the body limit of a webhook that names none, in bytes.
	MaxBody int64
	// CheckWebhook completes a webhook and says what is wrong with it; windowGiven tells
	// that it names how long dedup keys are remembered.
	CheckWebhook func(e *meshhook.Endpoint, windowGiven bool) (*signature.Verifier, error)
}

// Manifest is what documents say that a project is to be.
type Manifest struct {
	Workflows []*Workflow
	Webhooks  []*Webhook
	Alerts    []*Alert

	options  Options
	sections []*section
}

// Workflow is the document of a workflow.
type Workflow struct {
	Definition *workflow.Definition
	Source     string

	file *File
	at   workflow.Value
}

// Doubts are what is allowed in a workflow but probably a mistake.
func (w *Workflow) Doubts() workflow.Problems {
	doubts := workflow.Problems(w.Definition.Warnings())
	doubts.Quote(w.file.Source)
	return doubts
}

// section is a document, and the file that it stands in.
type section struct {
	*workflow.Section
	file *File
}

// reader reads one document.
type reader struct {
	m       *Manifest
	file    *File
	section *workflow.Section
	// named are the Keys of the files that documents name.
	named map[string]bool
}

// count is how many problems the document has so far.
func (r *reader) count() int { return len(r.section.Problems()) }

// Parse reads and checks files. All that is wrong with any of them is one CodeInvalid
// error, whose cause is workflow.Problems.
func Parse(files []File, o Options) (*Manifest, error) {
	m := &Manifest{options: o}
	named := map[string]bool{}
	unreadable := map[*File]workflow.Problems{}
	for i := range files {
		file := &files[i]
		sections, problems := workflow.ReadSections(file.Name, file.Source, limits)
		if problems != nil {
			unreadable[file] = problems
		}
		for _, s := range sections {
			m.sections = append(m.sections, &section{s, file})
			(&reader{m, file, s, named}).document()
		}
	}
	// What another file names is no document, and nothing is wrong with that.
	m.leaveOut(func(f *File) bool { return f.Found && named[f.Key] })
	var problems workflow.Problems
	for i := range files { // in their order, which a map has not
		if file := &files[i]; !file.Found || !named[file.Key] {
			problems = append(problems, unreadable[file]...)
		}
	}
	m.findTwins()
	return m, append(problems, m.problems()...).Err()
}

// problems are those of all documents.
func (m *Manifest) problems() (all workflow.Problems) {
	for _, s := range m.sections {
		all = append(all, s.Problems()...)
	}
	return all
}

func (m *Manifest) leaveOut(which func(f *File) bool) {
	m.Workflows = slices.DeleteFunc(m.Workflows, func(w *Workflow) bool { return which(w.file) })
	m.Webhooks = slices.DeleteFunc(m.Webhooks, func(w *Webhook) bool { return which(w.file) })
	m.Alerts = slices.DeleteFunc(m.Alerts, func(a *Alert) bool { return which(a.file) })
	m.sections = slices.DeleteFunc(m.sections, func(s *section) bool { return which(s.file) })
}

// The keys by which documents are told apart, with what they are.
const (
	keyWorkflow = "name"
	keyWebhook  = "webhook"
	keyAlert    = "alert"
)

// document reads a document of whatever kind it is. One that says nothing is passed over.
func (r *reader) document() {
	root, ok := r.section.Root()
	if !ok {
		return
	}
	if root.Kind() != workflow.Mapping {
		root.Problem("a document is a mapping that begins with name (a workflow), webhook or alert, but this is %s", root.Kind())
		return
	}
	_, steps := root.Get("steps")
	name, isWorkflow := root.Get(keyWorkflow)
	if at, is := root.Get(keyWebhook); is {
		r.webhook(root, at)
	} else if at, is := root.Get(keyAlert); is {
		r.alert(root, at)
	} else if isWorkflow || steps {
		if d := r.section.Workflow(); d != nil {
			r.m.Workflows = append(r.m.Workflows, &Workflow{d, r.section.Source, r.file, name})
		}
	} else {
		root.Problem("the document is neither a workflow (name, steps) nor a webhook (webhook: PATH) nor an alert (alert: NAME)")
	}
}

// findTwins notes what is described twice.
func (m *Manifest) findTwins() {
	first := map[string]workflow.Problem{}
	note := func(kind Kind, name string, at workflow.Value) {
		if name == "" {
			return // which is a problem of its own
		}
		key := string(kind) + " " + name
		if twin, there := first[key]; there {
			at.Problem("the %s %s is described twice, first at %s", kind, name, twin.Place())
			return
		}
		first[key] = at.Place()
	}
	for _, w := range m.Workflows {
		note(KindWorkflow, w.Definition.Name, w.at)
	}
	for _, w := range m.Webhooks {
		note(KindWebhook, w.Endpoint.Path, w.at)
	}
	for _, a := range m.Alerts {
		note(KindAlert, a.Alert.Name, a.at)
	}
}

// inline reads what stands in the document, or in the file that {file: PATH} names there;
// ok is false when that cannot be read, which is noted.
func (r *reader) inline(v workflow.Value, what string) (name string, source []byte, ok bool) {
	if v.Kind() != workflow.Mapping {
		return "", nil, true
	}
	at, is := v.Get("file")
	if !is || len(keys(v)) != 1 {
		return "", nil, true
	}
	if name, ok = text(at, what+".file"); !ok {
		return "", nil, false
	}
	if path.IsAbs(name) {
		at.Problem("%s.file is a path from the document's directory on, like schemas/order.json", what)
		return "", nil, false
	}
	if r.file.Read == nil {
		at.Problem("a document from standard input cannot name files; write the %s into it", what)
		return "", nil, false
	}
	key := path.Join(path.Dir(r.file.Key), name)
	r.named[key] = true
	source, err := r.file.Read(key)
	if err != nil {
		at.Problem("%v", err)
		return "", nil, false
	}
	return name, source, true
}

func keys(v workflow.Value) (names []string) {
	if v.Kind() != workflow.Mapping {
		return nil
	}
	for key := range v.Fields() {
		names = append(names, key.Text())
	}
	return names
}
