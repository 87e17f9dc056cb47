package config

import (
	"fmt"
	"slices"
	"strings"
)

// environ is the environment: name → value. A variable that is empty is as good
// as none: container platforms pass on what was never set that way.
type environ map[string]string

func newEnviron(list []string) environ {
	env := environ{}
	for _, entry := range list {
		name, text, _ := strings.Cut(entry, "=")
		if _, twice := env[name]; !twice && text != "" { // the first one, as os.Getenv
			env[name] = text
		}
	}
	return env
}

// layer is what the environment says, and remarks on variables that look like
// ours but are not.
func (env environ) layer() (layer, []string) {
	l := layer{}
	known := []string{"CONFIG"}
	for _, key := range Keys() {
		known = append(known, strings.TrimPrefix(key.Env, EnvPrefix))
		if text, ok := env[key.Env]; ok {
			l[key.Name] = value{text, Origin("environment " + key.Env)}
		}
	}
	if text, ok := env[envDatabaseURL]; ok && l["database_url"].raw == nil {
		l["database_url"] = value{text, "environment " + envDatabaseURL}
	}
	var strange []string
	for name := range env {
		rest, ours := strings.CutPrefix(name, EnvPrefix)
		if !ours || strings.HasPrefix(name, envTest) || slices.Contains(known, rest) {
			continue
		}
		remark := fmt.Sprintf("the environment variable %s means nothing to MeshHook", name)
		if near := nearest(rest, known); near != "" {
			remark += "; did you mean " + EnvPrefix + near + "?"
		}
		strange = append(strange, remark)
	}
	slices.Sort(strange)
	return l, strange
}
