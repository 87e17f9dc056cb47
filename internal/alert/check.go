package alert

import (
	"slices"
	"strconv"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// Limits of an alert.
const (
	// DefaultTimeout bounds an attempt of an alert that names no timeout.
	DefaultTimeout = 10 * time.Second
	// MaxTimeout is the longest that an attempt may take.
	MaxTimeout = time.Minute

	maxWindow      = 30 * 24 * time.Hour  // of throttle and delay_threshold
	maxExpect      = 366 * 24 * time.Hour // once a year, at least
	maxURL         = 8 << 10
	maxHeaders     = 50
	maxHeader      = 8 << 10
	maxPayload     = 256 << 10
	maxDescription = 1000
)

// WithDefaults fills in what was left at zero: the preset generic, signing v1 and
// the timeout. A schedule that is nil stays so: it is DefaultSchedule, whatever that
// will be at the time.
func WithDefaults(a meshhook.Alert) meshhook.Alert {
	if a.Preset == "" {
		a.Preset = PresetGeneric
	}
	if a.Signing == "" {
		a.Signing = meshhook.SigningV1
	}
	if a.Timeout == 0 {
		a.Timeout = meshhook.Duration(DefaultTimeout)
	}
	return a
}

func (c *compiler) conditions(a meshhook.Alert) {
	if len(a.On) == 0 {
		c.at("/on", "say in on what the alert waits for: %s", oneOf(meshhook.Conditions()))
	}
	for i, condition := range a.On {
		path := "/on/" + strconv.Itoa(i)
		switch {
		case !slices.Contains(meshhook.Conditions(), condition):
			c.at(path, "%q is not a condition; write %s", condition, oneOf(meshhook.Conditions()))
		case slices.Contains(a.On[:i], condition):
			c.at(path, "the condition %s is given twice", condition)
		case condition.AboutAlerts() && (a.WorkflowID != nil || a.Workflow != ""):
			c.at(path, "%s is about alerts and not about one workflow; make an alert for all workflows", condition)
		}
	}
	c.together(a, meshhook.OnDelayed, "/delay_threshold", "delay_threshold", "30s", a.DelayThreshold != 0)
	c.together(a, meshhook.OnAbsent, "/expect", "expect", "{webhook: stripe, within: 6h}", a.Expect != nil)
	if a.Expect == nil {
		return
	}
	if err := meshhook.CheckPath(a.Expect.Webhook); err != nil {
		c.at("/expect/webhook", "%s", err)
	}
	c.within("/expect/within", "expect.within", a.Expect.Within, maxExpect)
}

// together checks that a condition and the setting that belongs to it come with
// each other.
func (c *compiler) together(a meshhook.Alert, condition meshhook.Condition, path, name, example string, given bool) {
	switch waits := slices.Contains(a.On, condition); {
	case waits && !given:
		c.at(path, "the condition %s needs %s, like %s", condition, name, example)
	case given && !waits:
		c.at(path, "%s belongs to the condition %s, which is not in on; add it there or leave %s out", name, condition, name)
	}
}

// within checks a duration that has to be there.
func (c *compiler) within(path, name string, d meshhook.Duration, most time.Duration) {
	if d <= 0 || d.Std() > most {
		c.at(path, "%s is more than 0 and at most %s", name, meshhook.Duration(most))
	}
}

func (c *compiler) times(a meshhook.Alert) {
	c.within("/timeout", "timeout", a.Timeout, MaxTimeout)
	if a.DelayThreshold != 0 {
		c.within("/delay_threshold", "delay_threshold", a.DelayThreshold, maxWindow)
	}
	if a.Throttle != 0 {
		c.within("/throttle", "throttle", a.Throttle, maxWindow)
	}
	switch {
	case a.Schedule == nil:
	case len(a.Schedule) == 0 || len(a.Schedule) > MaxAttempts:
		c.at("/schedule", "a schedule has 1 to %d entries, one for each attempt", MaxAttempts)
	default:
		for i, wait := range a.Schedule {
			if wait < 0 || wait.Std() > MaxWait {
				c.at("/schedule/"+strconv.Itoa(i), "a wait is 0s to %s", meshhook.Duration(MaxWait))
			}
		}
	}
	if a.Quiet != nil {
		c.problems = append(c.problems, quietProblems(*a.Quiet)...)
	}
}
