package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// conditionsFlag reads conditions with commas between them.
type conditionsFlag struct{ list []meshhook.Condition }

// Type is what help shows for the value.
func (c *conditionsFlag) Type() string { return "conditions" }

func (c *conditionsFlag) String() string { return conditionsText(c.list) }

// Set adds conditions, and refuses what is none.
func (c *conditionsFlag) Set(text string) error {
	for name := range strings.SplitSeq(text, ",") {
		condition := meshhook.Condition(strings.TrimSpace(name))
		if !slices.Contains(meshhook.Conditions(), condition) {
			return errors.New("use " + orList(conditionNames()) + ", with commas between")
		}
		if !slices.Contains(c.list, condition) {
			c.list = append(c.list, condition)
		}
	}
	return nil
}

// durationFlag reads a duration; an empty one is none.
type durationFlag struct{ meshhook.Duration }

// Type is what help shows for the value.
func (d *durationFlag) Type() string { return "duration" }

func (d *durationFlag) String() string { return someTime(d.Duration) }

// Set reads what Go reads.
func (d *durationFlag) Set(text string) error {
	d.Duration = 0
	if text == "" {
		return nil
	}
	return d.UnmarshalText([]byte(text))
}

// scheduleFlag reads durations with commas between them; an empty one is the default
// schedule.
type scheduleFlag struct{ list []meshhook.Duration }

// Type is what help shows for the value.
func (s *scheduleFlag) Type() string { return "durations" }

func (s *scheduleFlag) String() string {
	texts := make([]string, len(s.list))
	for i, wait := range s.list {
		texts[i] = wait.String()
	}
	return strings.Join(texts, ",")
}

// Set reads the whole schedule.
func (s *scheduleFlag) Set(text string) error {
	s.list = nil
	if text == "" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		var wait meshhook.Duration
		if err := wait.UnmarshalText([]byte(strings.TrimSpace(item))); err != nil {
			return err
		}
		s.list = append(s.list, wait)
	}
	return nil
}

// quietFlag reads hours like "22:00-07:00 Europe/Berlin"; an empty one is none.
type quietFlag struct{ hours *meshhook.QuietHours }

// Type is what help shows for the value.
func (q *quietFlag) Type() string { return "hours" }

func (q *quietFlag) String() string {
	if q.hours == nil {
		return ""
	}
	return strings.TrimSpace(q.hours.From + "-" + q.hours.To + " " + q.hours.Zone)
}

// Set reads the hours; whether there are such a time and such a zone is not for flags.
func (q *quietFlag) Set(text string) error {
	q.hours = nil
	if text == "" {
		return nil
	}
	words := strings.Fields(text)
	if len(words) == 0 || len(words) > 2 {
		return errQuiet
	}
	from, to, ok := strings.Cut(words[0], "-")
	if !ok {
		return errQuiet
	}
	q.hours = &meshhook.QuietHours{From: from, To: to}
	if len(words) == 2 {
		q.hours.Zone = words[1]
	}
	return nil
}

var errQuiet = errors.New("write it like 22:00-07:00, or with a zone: \"22:00-07:00 Europe/Berlin\"")
