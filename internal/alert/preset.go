package alert

import (
	"maps"
	"net/url"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// The presets: whose form a message has. Each stands in a file of its own, with
// where its receiver describes the form.
const (
	PresetGeneric      = "generic" // Message, as the contract has it
	PresetSlack        = "slack"
	PresetDiscord      = "discord"
	PresetTeams        = "teams"
	PresetNtfy         = "ntfy"
	PresetGotify       = "gotify"
	PresetPagerDuty    = "pagerduty"
	PresetTelegram     = "telegram"
	PresetAlertmanager = "alertmanager"
)

// preset makes messages in a receiver's form. They are POSTed.
type preset struct {
	// body makes the message: a string is sent as text, anything else as JSON.
	// addressed are the values of needs.
	body func(s *Subject, n *notice, addressed map[string]any) (any, error)
	// headers are sent with the preset's message and with a payload of the owner's,
	// whose headers win; nil is none.
	headers func(n *notice) map[string]string
	// needs are members of the body that only the owner can know.
	needs []need
}

// need is a member of a preset's body that stands in the query of the URL, out of
// which it is taken. Where the owner's payload has a member of that name and fails,
// it is taken from there, so that the message can still be addressed.
type need struct {
	name     string
	required bool
	example  string
}

var presets = map[string]preset{
	PresetGeneric:      {body: genericBody},
	PresetSlack:        {body: slackBody},
	PresetDiscord:      {body: discordBody},
	PresetTeams:        {body: teamsBody},
	PresetNtfy:         {body: ntfyBody, headers: ntfyHeaders},
	PresetGotify:       {body: gotifyBody},
	PresetPagerDuty:    {body: pagerDutyBody, needs: pagerDutyNeeds},
	PresetTelegram:     {body: telegramBody, needs: telegramNeeds},
	PresetAlertmanager: {body: alertmanagerBody},
}

// Presets lists the names of all presets, in order.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// genericBody is MeshHook's own format.
func genericBody(s *Subject, _ *notice, _ map[string]any) (any, error) { return Message(s) }

// address takes what the preset needs out of a URL's query, or else from the
// members of a payload. It returns the URL without it.
func (p preset) address(target string, members map[string]any) (string, map[string]any, error) {
	if len(p.needs) == 0 {
		return target, nil, nil
	}
	u, err := url.Parse(target)
	if err != nil {
		return "", nil, meshhook.Errorf(meshhook.CodeInvalid, "the url cannot be read")
	}
	query, addressed := u.Query(), map[string]any{}
	for _, needed := range p.needs {
		value := query.Get(needed.name)
		query.Del(needed.name)
		switch member := members[needed.name]; {
		case value != "":
			addressed[needed.name] = value
		case member != nil:
			addressed[needed.name] = member
		case needed.required:
			return "", nil, meshhook.Errorf(meshhook.CodeInvalid, "the url has no %s; write it like %s", needed.name, needed.example)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), addressed, nil
}

// object is a JSON object that a preset puts together.
type object = map[string]any
