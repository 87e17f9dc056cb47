package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// SystemFile is the text of the configuration file of a machine on which MeshHook is
// installed for all its users: every key with what it does and its default, commented
// out, and the data directory that service and commands share.
func SystemFile() string {
	var text strings.Builder
	text.WriteString(`# MeshHook, for the service and for the commands of whoever may read this file.
# A line without the # in front of its key counts; what stands there is the default.
# Flags and the environment (MESHHOOK_LISTEN for listen, and so on) go before it.
# 'meshhook config show' prints what holds, and where it came from.
`)
	places := fields(new(Config))
	for _, key := range Keys() {
		line := fmt.Sprintf("#%s: %s", key.Name, systemValue(key, places[key.Name]))
		if key.Name == "data_dir" {
			// Not each user's own: a command of root or of the service's user would else
			// make an installation of its own.
			line = line[1:]
		}
		fmt.Fprintf(&text, "\n# %s\n%s\n", key.Help, line)
	}
	return text.String()
}

// systemValue is a key's default, in YAML.
func systemValue(key Key, field reflect.Value) string {
	switch {
	case key.Name == "data_dir":
		return rootDataDir
	case key.Name == "master_key_file":
		return rootDataDir + "/" + masterKeyName
	case isList(field):
		return "[]"
	case field.Kind() == reflect.Bool, field.Kind() == reflect.Int:
		return key.Default
	default:
		return strconv.Quote(key.Default)
	}
}
