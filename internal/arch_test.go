// Package internal_test holds the laws of the house: which package may import
// which, who owns which library, who may call out, how long a file may grow.
// README.md beside this file is the map; this is what keeps it true.
package internal_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/profullstack/meshhook"

// maxLines is how long a file may be. A longer one holds two ideas.
const maxLines = 400

// row is what one package may import of ours. Names are paths below internal/,
// or below the root for what stands there.
type row struct {
	name   string
	may    []string
	reason string
}

// The import law. A package without a row and a row without a package fail.
var law = []row{
	// Ground: imported by everybody, imports nobody.
	{"meshhook", nil, "the ground knows nothing of what stands on it"},
	{"migrations", nil, "it is SQL files and nothing else"},

	// Tools: each the sole home of one idea, of use in any program.
	{"backoff", only("meshhook"), toolReason},
	{"certs", only("meshhook"), toolReason},
	{"circuit", only("meshhook", "backoff"), toolReason},
	{"config", only("meshhook", "spelling"), toolReason},
	{"content", only("meshhook"), toolReason},
	{"egress", only("meshhook", "backoff"), toolReason},
	{"expr", only("meshhook"), toolReason},
	{"lane", only("meshhook"), toolReason},
	{"limit", only("meshhook"), toolReason},
	{"loop", only("meshhook", "backoff"), toolReason},
	{"mask", only("meshhook"), toolReason},
	{"schema", only("meshhook", "content"), toolReason},
	{"seal", only("meshhook"), toolReason},
	{"signature", only("meshhook", "spelling"), toolReason},
	{"spelling", only(), toolReason},
	{"systemd", only("meshhook"), toolReason},

	// The language.
	{"workflow", only("meshhook", "content", "expr", "backoff", "mask", "spelling"), "deciding what comes next is pure: no database, no network, no clock"},
	{"manifest", only("meshhook", "alert", "expr", "signature", "workflow"), "what a document says and what has to change are pure, too: files and database belong to who applies"},
	{"alert", only("meshhook", "backoff", "content", "expr", "mask", "signature", "workflow"), "deciding what an alert says is pure, too; it sees what steps see, and signs by what verifies"},

	// Stages, in the order data takes. Between two stages lies a committed row.
	{"ingress", only("meshhook", "content", "signature", "schema", "expr", "workflow", "limit"), stageReason},
	{"delivery", only("meshhook", "alert", "backoff", "circuit", "egress", "loop"), stageReason},
	{"engine", only("meshhook", "workflow", "egress", "backoff", "loop"), stageReason},
	{"janitor", only("meshhook"), stageReason},

	// The database.
	{"postgres", only("meshhook", "migrations", "seal", "backoff", "lane"), "a store speaks ground types only; one stage type in a signature and the picture turns over"},
	{"pgembed", only("meshhook", "backoff"), "it starts a server and knows nothing of what is stored in it"},

	// What looks.
	{"tail", only("meshhook", "backoff"), "it follows any journal: the source is an interface above the struct that uses it"},
	{"api", only("meshhook", "alert", "content", "limit", "signature", "workflow", "tail"), "a face asks a Store in ground types; what it takes in it reads and checks with the tools of the commands"},
	{"doctor", only("meshhook"), "judging an installation is pure: what is to be judged, others gather"},
	{"tui", only("meshhook", "tail", "expr"), "a face asks a Store in ground types, so that it can be tested without a database"},

	// Wiring.
	{"daemon", allBut("cli", "tui", "pgtest", "certtest", "bench"), "it wires the server; screens and commands stand above it"},
	{"cli", allBut("pgtest", "certtest", "bench"), "it wires the commands; what serves tests is not shipped"},
	{"cmd/meshhook", only("cli"), "main is a handful of lines"},

	// What serves tests and measurements.
	{"pgtest", only("meshhook", "migrations", "pgembed", "postgres", "seal"), "it gives a test a database and nothing else"},
	{"certtest", only(), "it gives a test a certificate and nothing else"},
	{"bench", allBut("tui"), "it measures the product as it is wired"},
	{"packaging", only("cli", "config"), "it writes pages of the commands and the file of the keys"},
}

const (
	toolReason  = "a tool imports no stage, no store and no tool but the ones named, so that it can be understood alone"
	stageReason = "a stage imports no stage and no store: a row and a bell lie between them, so each can be stopped, tested and read alone"
)

// library says who may import a library of others or a sensitive package of the
// standard library, in code that is shipped.
type library struct {
	prefixes []string
	owners   []string
	reason   string
}

var libraries = []library{
	{[]string{"github.com/jackc/", "database/sql", "github.com/pressly/goose"}, []string{"postgres", "pgtest", "bench"}, "every SQL statement of the product stands in one package"},
	{[]string{"github.com/spf13/cobra"}, []string{"cli", "packaging"}, "commands are the cli's; what they do is not"},
	{[]string{"github.com/spf13/viper", "github.com/fsnotify/"}, []string{"config"}, "configuration is read once, into a struct"},
	{[]string{"github.com/charmbracelet/", "github.com/aymanbagabas/"}, []string{"tui"}, "the next major version of these must be a change of one package"},
	{[]string{"github.com/qri-io/", "github.com/santhosh-tekuri/"}, []string{"schema"}, "two validators stand behind one door"},
	{[]string{"github.com/itchyny/"}, []string{"expr"}, "limits and what is switched off must hold for every expression"},
	{[]string{"code.dny.dev/ssrf"}, []string{"egress"}, "addresses are judged in one place"},
	{[]string{"github.com/tink-crypto/", "crypto/cipher", "crypto/aes", "golang.org/x/crypto"}, []string{"seal"}, "encryption at rest is decided once"},
	{[]string{"github.com/danielgtaylor/huma"}, []string{"api"}, "how the API is described is no business of the rest"},
	{[]string{"golang.org/x/crypto/acme"}, []string{"certs"}, "certificates are fetched and kept in one place"},
	{[]string{"github.com/ulule/limiter"}, []string{"ingress", "limit"}, "rates are limited at the door, and counted in one place"},
	{[]string{"github.com/coreos/go-systemd"}, []string{"systemd"}, "one place speaks with the service manager"},
	{[]string{"golang.org/x/text"}, []string{"content"}, "what a body is, is decided once"},
	{[]string{"github.com/stretchr/", "pgregory.net/", "go.uber.org/goleak", "github.com/rogpeppe/go-internal/testscript"}, []string{"pgtest", "certtest"}, "what serves tests is not shipped"},
	{[]string{"testing"}, []string{"pgtest", "certtest"}, "what serves tests is not shipped"},
}

// callers may use what makes outbound HTTP calls.
var callers = []string{"egress", "bench"}

// outbound is how the standard library makes them.
var outbound = []string{"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm"}

func only(names ...string) []string { return names }

func allBut(names ...string) []string {
	may := []string{"*"}
	for _, name := range names {
		may = append(may, "!"+name)
	}
	return may
}

func (r row) allows(name string) bool {
	if slices.Contains(r.may, "*") {
		return !slices.Contains(r.may, "!"+name)
	}
	return slices.Contains(r.may, name)
}

// listed is what `go list` says of a package.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// name is the package's name in the law.
func (p listed) name() string { return nameOf(p.ImportPath) }

func nameOf(importPath string) string {
	name := strings.TrimPrefix(importPath, module+"/")
	return strings.TrimPrefix(name, "internal/")
}

// files are the paths of the package's files, tests not among them.
func (p listed) files() []string {
	paths := make([]string, len(p.GoFiles))
	for i, name := range p.GoFiles {
		paths[i] = filepath.Join(p.Dir, name)
	}
	return paths
}

// packages lists every package with code that is not a test.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...")
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
	require.NotEmpty(t, all)
	return all
}

func TestEveryPackageHasItsRow(t *testing.T) {
	t.Parallel()
	var have, want []string
	for _, p := range packages(t) {
		have = append(have, p.name())
	}
	for _, r := range law {
		want = append(want, r.name)
		require.NotEmpty(t, r.reason, "%s: a law without a reason is not kept", r.name)
	}
	for _, name := range have {
		if !slices.Contains(want, name) {
			t.Errorf("package %s has no row in the law: say what it may import, and why", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(have, name) {
			t.Errorf("the law has a row for %s, but there is no such package", name)
		}
	}
}

func TestImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		i := slices.IndexFunc(law, func(r row) bool { return r.name == p.name() })
		if i < 0 {
			continue // TestEveryPackageHasItsRow says so
		}
		for _, path := range p.Imports {
			if strings.HasPrefix(path, module+"/") && !law[i].allows(nameOf(path)) {
				t.Errorf("%s must not import %s: %s", p.name(), nameOf(path), law[i].reason)
			}
		}
	}
}

func TestLibrariesHaveTheirOwners(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, path := range p.Imports {
			if lib := libraryOf(path); lib != nil && !slices.Contains(lib.owners, p.name()) {
				t.Errorf("%s must not import %s, which is for %s: %s", p.name(), path, strings.Join(lib.owners, ", "), lib.reason)
			}
		}
	}
}

// libraryOf finds the line for a package: the one that names it most closely.
func libraryOf(path string) (found *library) {
	longest := 0
	for i := range libraries {
		if n := libraries[i].has(path); n > longest {
			longest, found = n, &libraries[i]
		}
	}
	return found
}

// has returns the length of the longest prefix that the package has; 0 for none.
func (l library) has(path string) (longest int) {
	for _, prefix := range l.prefixes {
		if path == prefix || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/") {
			longest = max(longest, len(prefix))
		}
	}
	return longest
}

func TestOnlyEgressCallsOut(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if slices.Contains(callers, p.name()) || !slices.Contains(p.Imports, "net/http") {
			continue
		}
		for _, path := range p.files() {
			for _, found := range outboundUses(t, path) {
				t.Errorf("%s must not use it: outbound calls go through egress, which guards the address and bounds the call", found)
			}
		}
	}
}

// outboundUses finds the selectors http.X of outbound in a file.
func outboundUses(t *testing.T, path string) (found []string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	pkg := importedAs(file, "net/http")
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && pkg != "" && id.Name == pkg && slices.Contains(outbound, sel.Sel.Name) {
			found = append(found, files.Position(sel.Pos()).String()+": http."+sel.Sel.Name)
		}
		return true
	})
	return found
}

// importedAs is the name by which file knows the package, "" if it does not.
func importedAs(file *ast.File, importPath string) string {
	for _, spec := range file.Imports {
		if path, err := strconv.Unquote(spec.Path.Value); err != nil || path != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return importPath[strings.LastIndexByte(importPath, '/')+1:]
	}
	return ""
}

func TestFilesAreShort(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, path := range p.files() {
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			if file, err := parser.ParseFile(token.NewFileSet(), path, source, parser.ParseComments|parser.PackageClauseOnly); err == nil && ast.IsGenerated(file) {
				continue
			}
			if n := lines(source); n > maxLines {
				t.Errorf("%s has %d lines, and %d are the limit: it holds two ideas; give each its file", path, n, maxLines)
			}
		}
	}
}

func lines(source []byte) (n int) {
	for scanner := bufio.NewScanner(bytes.NewReader(source)); scanner.Scan(); {
		n++
	}
	return n
}

// The laws themselves must be able to fail.
func TestTheLawBites(t *testing.T) {
	t.Parallel()
	require.True(t, row{may: only("a")}.allows("a"))
	require.False(t, row{may: only("a")}.allows("b"))
	require.True(t, row{may: allBut("a")}.allows("b"))
	require.False(t, row{may: allBut("a")}.allows("a"))

	pgx := library{prefixes: []string{"github.com/jackc/", "testing"}}
	require.NotZero(t, pgx.has("github.com/jackc/pgx/v5"))
	require.NotZero(t, pgx.has("testing"))
	require.Zero(t, pgx.has("testingx"))
	require.Equal(t, []string{"certs"}, libraryOf("golang.org/x/crypto/acme/autocert").owners)
	require.Equal(t, []string{"seal"}, libraryOf("golang.org/x/crypto/acmes").owners)
	require.Nil(t, libraryOf("net/http"))

	path := filepath.Join(t.TempDir(), "x.go")
	require.NoError(t, os.WriteFile(path, []byte("package x\nimport web \"net/http\"\nvar c = web.Client{}\nvar s web.Server\n"), 0o600))
	require.Equal(t, []string{path + ":3:9: http.Client"}, outboundUses(t, path))
	require.Equal(t, 3, lines([]byte("a\nb\nc")))
}

// The map names every package that the law knows, in the law's word for it.
func TestTheMapIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, r := range law {
		if strings.Contains(r.name, "/") || r.name == "migrations" {
			continue // not below internal/
		}
		if !strings.Contains(string(page), "| `"+r.name+"` |") {
			t.Errorf("internal/README.md has no line for %s", r.name)
		}
	}
}
