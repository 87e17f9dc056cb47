package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/cli"
)

var (
	// commandLine is a call of the program within a line of a shell.
	commandLine = regexp.MustCompile(`(?:^\s*|[|;&(]\s*|\bsudo (?:-u \w+ )?)(?:\./bin/)?meshhook[ \t]+([^\n]*)`)
	codeSpan    = regexp.MustCompile("`((?:sudo (?:-u \\w+ )?|\\./bin/)?meshhook [^`\n]+)`")
	// placeholder is a word that stands for others: PATH, EVENT_ID, ….
	placeholder = regexp.MustCompile(`^[A-Z][A-Z_|]+$|^…`)
)

// TestPages_Words compares every call of the program that a page shows, in blocks and in
// running text, with the tree of the commands: no page names a command, or a flag, that
// does not exist.
func TestPages_Words(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob(filepath.Join(root, "examples", "*", "README.md"))
	require.NoError(t, err)
	pages := pagesOf(t)
	for _, page := range examples {
		pages = append(pages, strings.TrimPrefix(filepath.ToSlash(page), root+"/"))
	}
	seen := 0
	for _, page := range pages {
		for _, line := range callsOf(readFile(t, page)) {
			seen++
			problem := problemOf(words(line))
			require.Empty(t, problem, "%s: meshhook %s", page, line)
		}
	}
	require.Greater(t, seen, 150)
}

func TestProblemOf(t *testing.T) {
	t.Parallel()
	for line, problem := range map[string]string{
		"webhook create --path a --workflow=b":       "",
		"webhook update|enable|disable PATH":         "",
		"--project shop token create":                "",
		"COMMAND --help":                             "",
		"event list -o json | jq .":                  "",
		"run retry ID --from-step 'each[3].send'":    "",
		"help webhook":                               "",
		"webhook updat a":                            "there is no command updat",
		"webhook update|disabel a":                   "there is no command disabel",
		"event list --statuss rejected":              "there is no flag --statuss",
		"daemon -x":                                  "there is no flag -x",
		"--projekt shop status":                      "there is no flag --projekt",
		"tail > out.txt":                             "",
		"expr '.a | --b' --file x":                   "",
		`alerts create --payload p.json --url "a b"`: "",
	} {
		require.Equal(t, problem, problemOf(words(line)), line)
	}
}

// callsOf are the calls of the program on a page, without the program's name.
func callsOf(page string) (calls []string) {
	var lines []string
	for _, b := range blocksOf(page) {
		if b.language == "sh" {
			lines = append(lines, strings.Split(strings.ReplaceAll(b.text, "\\\n", " "), "\n")...)
		}
	}
	rest := pageFence.ReplaceAllString(page, "")
	for _, span := range codeSpan.FindAllStringSubmatch(rest, -1) {
		lines = append(lines, strings.ReplaceAll(span[1], `\|`, "|"))
	}
	for _, line := range lines {
		if at := strings.Index(line, " #"); at >= 0 {
			line = line[:at]
		}
		for _, call := range commandLine.FindAllStringSubmatch(line, -1) {
			calls = append(calls, call[1])
		}
	}
	return calls
}

// words are those of a shell's line up to the end of its first command. Quotes are
// taken away.
func words(line string) (list []string) {
	word, quote, inside := strings.Builder{}, rune(0), false
	flush := func() {
		if inside {
			list = append(list, word.String())
		}
		word.Reset()
		inside = false
	}
	for i, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ' || r == '\t':
			flush()
		case strings.ContainsRune(";&<>)", r), r == '|' && (i == 0 || line[i-1] == ' '):
			flush()
			return list
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	flush()
	return list
}

// problemOf says what a call names that does not exist. What stands for other words is
// passed over, and so is what comes after the names of commands, unless it is a flag.
func problemOf(args []string) string {
	at := []*cobra.Command{cli.Commands()}
	naming := true
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			return ""
		case len(word) > 1 && word[0] == '-':
			name, _, valued := strings.Cut(strings.TrimLeft(word, "-"), "=")
			for _, cmd := range at {
				flag := flagOf(cmd, word, name)
				if flag == nil && name != "help" && name != "h" {
					return "there is no flag " + strings.SplitN(word, "=", 2)[0]
				}
				if flag != nil && flag.NoOptDefVal == "" && !valued && cmd == at[len(at)-1] {
					i++ // its value
				}
			}
		case !naming || placeholder.MatchString(word) || word == "help" && i == 0 || !at[0].HasSubCommands():
			naming = false
		default:
			below, missing := subcommands(at, strings.Split(word, "|"))
			if missing != "" {
				return "there is no command " + missing
			}
			at = below
		}
	}
	return ""
}

func flagOf(cmd *cobra.Command, word, name string) *pflag.Flag {
	cmd.InitDefaultHelpFlag()
	for _, set := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
		flag := set.Lookup(name)
		if !strings.HasPrefix(word, "--") {
			flag = set.ShorthandLookup(name[:1])
		}
		if flag != nil {
			return flag
		}
	}
	return nil
}

func subcommands(parents []*cobra.Command, names []string) (below []*cobra.Command, missing string) {
	for _, parent := range parents {
		for _, name := range names {
			found := false
			for _, cmd := range parent.Commands() {
				if cmd.Name() == name || cmd.HasAlias(name) {
					below, found = append(below, cmd), true
				}
			}
			if !found {
				return nil, name
			}
		}
	}
	return below, ""
}
