package meshhook

import (
	"encoding/json"
	"net/url"
	"strings"
)

// AlertView is an alert as commands and the API show it, in the names by which it
// is made.
type AlertView struct {
	Alert
	// AllWorkflows tells that it is about every workflow of the project.
	AllWorkflows bool        `json:"all_workflows,omitempty"`
	Retry        *AlertRetry `json:"retry,omitempty"`
	// Warnings are what its owner has to know.
	Warnings []string `json:"warnings,omitempty"`
	// Secrets are those that sign, without their values.
	Secrets []AlertSecret `json:"secrets,omitempty"`
	// PublicKey is there with a secret of v1a that was generated, and when it is.
	PublicKey string `json:"public_key,omitempty" doc:"What the recipient checks signatures of v1a by; shown with a new secret."`
}

// AlertRetry is when an alert is tried.
type AlertRetry struct {
	// Schedule is Alert.Schedule.
	Schedule []Duration `json:"schedule,omitempty" doc:"How long to wait before each attempt, the first included; the default schedule when left out."`
}

// View returns the alert as it is shown, masked.
func (a Alert) View() AlertView { return viewOf(a.Masked()) }

// Revealed returns the alert as it is shown to its owner on request, as it is.
func (a Alert) Revealed() AlertView { return viewOf(a) }

func viewOf(a Alert) AlertView {
	v := AlertView{Alert: a, AllWorkflows: a.WorkflowID == nil}
	if a.Schedule != nil {
		v.Retry = &AlertRetry{Schedule: a.Schedule}
	}
	return v
}

// Masked returns the alert without what may be a credential: of the URL, scheme and
// host stay, of the headers their names, of a payload that there is one. Whoever may
// see that an alert exists need not be able to write to its receiver.
func (a Alert) Masked() Alert {
	a.URL = maskURL(a.URL)
	if a.Headers != nil {
		masked := make(map[string]string, len(a.Headers))
		for name := range a.Headers {
			masked[name] = Mask
		}
		a.Headers = masked
	}
	if a.Payload != nil {
		a.Payload = json.RawMessage(`"` + Mask + `"`)
	}
	return a
}

// CheckUnmasked refuses with CodeInvalid an alert into which something masked was put
// that somebody was shown: it would be stored in the place of what it stands for.
func (a Alert) CheckUnmasked() error {
	var problems []Problem
	at := func(path string) {
		problems = append(problems, Problem{Path: path, Message: "this is what is shown in the place of the value; give the value, or leave it out to keep it"})
	}
	if strings.HasSuffix(a.URL, "/…") {
		at("/url")
	}
	for name, value := range a.Headers {
		if value == Mask {
			at("/headers/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
		}
	}
	if string(a.Payload) == `"`+Mask+`"` {
		at("/payload")
	}
	if len(problems) == 0 {
		return nil
	}
	return &Error{Code: CodeInvalid, Message: problems[0].Path + ": " + problems[0].Message, Details: problems}
}

// maskURL shortens a URL, which may hold expressions, to its scheme and host. A host
// that an expression gives is not known.
func maskURL(text string) string {
	if text == "" {
		return ""
	}
	plain, _, dynamic := strings.Cut(text, "{{")
	scheme, rest, found := strings.Cut(plain, "://")
	end := strings.IndexAny(rest, "/?#")
	switch {
	case !found || end < 0 && dynamic:
		return "…"
	case end >= 0:
		rest = rest[:end]
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return "…"
	}
	shown := u.Scheme + "://" + u.Host // without a user's name and password
	if end >= 0 && text != plain[:len(scheme)+3+end]+"/" {
		shown += "/…"
	}
	return shown
}
