package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/profullstack/meshhook/internal/config"
	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/pgtest"
)

// user is somebody at a command line of their own.
type user struct {
	t   *testing.T
	dir string
	// in is what they type or pipe in; secret is what they type unseen.
	in     string
	secret string
	// terminal tells that they sit at one.
	terminal bool
	env      []string
}

// outcome is what a command did.
type result struct {
	code     int
	out, err string
}

// newUser returns a user without a database.
func newUser(t *testing.T) *user {
	t.Helper()
	return &user{t: t, dir: t.TempDir(), env: []string{
		"MESHHOOK_MASTER_KEY=" + pgtest.MasterKeyText, "MESHHOOK_DATABASE_URL=postgres://127.0.0.1:1/none", "MESHHOOK_LISTEN=127.0.0.1:4000",
	}}
}

// withDatabase gives the user a database.
func (u *user) withDatabase() *user {
	u.t.Helper()
	u.env[1] = "MESHHOOK_DATABASE_URL=" + pgtest.URL(u.t)
	return u
}

// runs runs a command, its words parted by spaces.
func (u *user) runs(command string) result { return u.does(strings.Fields(command)...) }

// does runs a command of which the words are given.
func (u *user) does(args ...string) result {
	u.t.Helper()
	var out, err bytes.Buffer
	code := Main(u.t.Context(), args, u.streams(&out, &err))
	return result{code, out.String(), err.String()}
}

func (u *user) streams(out, err io.Writer) IO {
	return IO{
		In: strings.NewReader(u.in), Out: out, Err: err, InTTY: u.terminal, OutTTY: u.terminal, ErrTTY: u.terminal,
		ReadSecret: func(context.Context) (string, error) {
			if u.secret == "" {
				return "", io.ErrUnexpectedEOF
			}
			return u.secret, nil
		},
		Config: config.Options{Env: u.env, Dir: u.dir, Home: u.dir},
	}
}

// file writes a file and returns its path.
func (u *user) file(name, text string) string {
	u.t.Helper()
	path := filepath.Join(u.dir, name)
	require.NoError(u.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// must runs a command that has to succeed, and returns its output.
func (u *user) must(command string) string {
	u.t.Helper()
	r := u.runs(command)
	require.Equal(u.t, 0, r.code, r.err)
	return r.out
}

// withWorkflow applies a workflow named hello.
func (u *user) withWorkflow() *user {
	u.t.Helper()
	u.must("workflow apply -f " + u.file("hello.yaml", "name: hello\nsteps: [{id: a, transform: .}]\n"))
	return u
}

func TestATerminalGetsTablesAndColours(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.terminal = true
	u.must("webhook create --path a --workflow hello --verify none")
	id := strings.TrimSpace(u.must("workflow run hello"))

	lines := strings.Split(u.must("webhook list"), "\n")
	require.Equal(t, []string{
		"PATH  WORKFLOW  VERIFY       ENABLED  URL",
		"a     hello     \x1b[33mnone (open)\x1b[0m  yes      http://localhost:4000/hooks/a",
		"",
	}, lines)
	u.must("run cancel " + id)
	require.Contains(t, u.must("run list"), "\x1b[2mcanceled\x1b[0m")
	require.NotContains(t, u.must("run list --no-color"), "\x1b")
	u.env = append(u.env, "NO_COLOR=1")
	require.NotContains(t, u.must("run list"), "\x1b")
	u.terminal = false
	require.True(t, strings.HasPrefix(u.must("run list"), id+"\thello\t1\tcanceled\t"))
	require.True(t, strings.HasPrefix(u.must("run list -o table"), "ID "))
	require.NotContains(t, u.must("run list -o table"), "\x1b")
}

func TestWideAndEmptyCellsKeepTheirColumns(t *testing.T) {
	t.Parallel()
	a := &app{IO: IO{OutTTY: true}, noColor: true}
	table := &table{columns: []string{"name", "", "x"}}
	table.add("日本", "✓", 1)
	table.add("a\tb\n", "", "")
	var out bytes.Buffer
	require.NoError(t, a.writeTable(&out, table))
	require.Equal(t, "NAME       X\n日本    ✓  1\na\\tb\\n  -  -\n", out.String())
}

// A long error once made each row of a list as long, and a terminal broke them all.
func TestATerminalCutsWhatIsReadNotWhatIsCopied(t *testing.T) {
	t.Parallel()
	long := "日本語 " + strings.Repeat("expression failed ", 20)
	written := func(width int, out IO) string {
		var b bytes.Buffer
		out.Size = func() (int, int) { return width, 24 }
		table := &table{columns: []string{"id", "error", "waits for"}}
		table.add("01890a5d-ac96-774b-bcce-b302099a8057", long, "")
		table.add("1", "short", "approval")
		require.NoError(t, (&app{IO: out, noColor: true}).writeTable(&b, table))
		return b.String()
	}
	lines := strings.Split(strings.TrimSpace(written(80, IO{OutTTY: true})), "\n")
	require.Equal(t, []string{
		"ID                                    ERROR                            WAITS FOR",
		"01890a5d-ac96-774b-bcce-b302099a8057  日本語 expression failed expre…  -",
		"1                                     short                            approval",
	}, lines)
	require.Contains(t, written(10, IO{OutTTY: true}), "01890a5d-ac96-774b-bcce-b302099a8057  日本語 expression faile…  -\n", "no column falls below what says something")
	require.Contains(t, written(1000, IO{OutTTY: true}), strings.TrimSpace(long))
	require.Contains(t, written(0, IO{OutTTY: true}), strings.TrimSpace(long), "a width that cannot be told cuts nothing")
	require.Contains(t, written(80, IO{}), strings.TrimSpace(long), "a pipe gets all of it")
}

func TestYAMLSaysWhatJSONSays(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, writeYAML(&out, []map[string]any{{"id": "007", "n": 12345678901234567, "text": "a\nb", "said": "no", "nothing": nil}}))
	require.Equal(t, "- id: \"007\"\n  \"n\": 12345678901234567\n  nothing: null\n  said: \"no\"\n  text: |-\n    a\n    b\n", out.String())
}

func TestSecretsAreAskedForUnseen(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.terminal, u.secret = true, "hush"
	require.Equal(t, result{0, "", "Value of token: \nsecret token created; workflows read it as {{ .secrets.token }}\n"}, u.runs("secret set token"))

	r := u.runs("webhook create --path s --workflow hello --verify stripe")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.err, "whsec_…, the signing secret of the endpoint")
	require.Contains(t, r.err, "Secret of stripe: \n")
	require.NotContains(t, r.out+r.err, "hush")

	u.secret = ""
	require.Equal(t, result{1, "", "Value of token: \nerror: reading the secret from the terminal: unexpected EOF\n"}, u.runs("secret set token"))
}

func TestDeletingAsks(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.terminal = true
	u.must("webhook create --path a --workflow hello")
	const question = "Delete the webhook a and its secrets? [y/N] "
	for _, no := range []string{"", "\n", "n\n", "nonsense\n"} {
		u.in = no
		require.Equal(t, result{1, "", question + "nothing was deleted\n"}, u.runs("webhook delete a"))
	}
	u.in = "Y\n"
	require.Equal(t, result{0, "", question + "webhook a deleted\n"}, u.runs("webhook delete a"))

	u.must("project create shop")
	const whole = "Delete the project shop with its webhooks, workflows, secrets and tokens, and all its events and runs? [y/N] "
	u.in = "\n"
	require.Equal(t, result{1, "", whole + "nothing was deleted\n"}, u.runs("project delete shop"))
	u.in = "yes\n"
	require.Equal(t, result{0, "", whole + "project shop deleted\n"}, u.runs("project delete shop"))
	r := u.runs("project delete default")
	require.Equal(t, 4, r.code, "it does not ask before it refuses: %s", r.err)
}

// interrupter ends a context once a question is asked.
type interrupter struct {
	bytes.Buffer
	question  string
	interrupt context.CancelFunc
}

func (i *interrupter) Write(p []byte) (int, error) {
	n, err := i.Buffer.Write(p)
	if strings.HasSuffix(i.String(), i.question) {
		i.interrupt()
	}
	return n, err
}

func TestAnInterruptEndsAQuestion(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("webhook create --path a --workflow hello")
	u.terminal = true
	silence, end := io.Pipe() // nobody ever types
	t.Cleanup(func() { require.NoError(t, end.Close()) })
	for command, question := range map[string]string{
		"webhook delete a": "Delete the webhook a and its secrets? [y/N] ",
		"secret set token": "Value of token: ",
	} {
		ctx, cancel := context.WithCancel(t.Context())
		asked := &interrupter{question: question, interrupt: cancel}
		streams := u.streams(io.Discard, asked)
		streams.In = silence
		streams.ReadSecret = func(ctx context.Context) (string, error) {
			return await(ctx, func() (string, error) { _, err := silence.Read(make([]byte, 1)); return "", err })
		}
		require.Equal(t, 1, Main(ctx, strings.Fields(command), streams), command)
		require.Equal(t, question+"\nerror: interrupted\n", asked.String())
	}
	u.must("webhook show a")
}

func TestAnEmptyListSaysSoOnATerminal(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	require.Equal(t, result{0, "", ""}, u.runs("run list --workflow hello"))
	require.Equal(t, result{0, "", "hint: no workflow \"nope\"\n"}, u.runs("run list --workflow nope"))
	require.Equal(t, result{0, "[]\n", "hint: no webhook \"nope\"\n"}, u.runs("event list --webhook nope --json"))
	u.terminal = true
	require.Equal(t, result{0, "NAME  UPDATED  CREATED\n", "none\n"}, u.runs("secret list"))
	require.Equal(t, result{0, "NAME  UPDATED  CREATED\n", ""}, u.runs("secret list -q"))
}

func TestARunIsWaitedForUntilTheUserHasEnough(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	id := strings.TrimSpace(u.must("workflow run hello -q"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, err bytes.Buffer
	require.Equal(t, 1, Main(ctx, []string{"run", "wait", id}, u.streams(&out, &err)))
	require.Equal(t, "error: interrupted\n", err.String())
	require.Empty(t, out.String())
}

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("workflow run hello -q")
	u.file("any.json", "{}")
	for _, command := range []string{
		"config show", "config show -o json", "config show -o yaml", "workflow list", "workflow show hello", "workflow schema", "webhook schemes",
		"schema check -f " + filepath.Join(u.dir, "any.json"),
		"status", "version", "expr 1", "tail --since 1h", "tail --since 1h --json", "workflow apply -f " + filepath.Join(u.dir, "hello.yaml"),
		"workflow validate -f " + filepath.Join(u.dir, "hello.yaml"), "workflow run hello",
	} {
		var err bytes.Buffer
		require.Equal(t, 1, Main(t.Context(), strings.Fields(command), u.streams(full{}, &err)), command)
		require.Contains(t, err.String(), "no space left on device", command)
	}
}

// A run that waits for a place of its workflow's concurrency is shown as such.
func TestABlockedRunIsShown(t *testing.T) {
	t.Parallel()
	u := newUser(t).withDatabase().withWorkflow()
	u.must("workflow apply -f " + u.file("one.yaml", "name: one\nconcurrency: {limit: 1}\nsteps: [{id: a, transform: .}]\n"))
	require.NotContains(t, u.must("status"), "blocked")
	u.must("workflow run one")
	id := strings.TrimSpace(u.must("workflow run one"))
	db := pgtest.Open(t, strings.TrimPrefix(u.env[1], "MESHHOOK_DATABASE_URL="))
	claims, err := db.ClaimRuns(t.Context(), meshhook.NewID(), 10, time.Minute)
	require.NoError(t, err)
	for i := range claims {
		claims[i].Place = meshhook.PlaceOf(claims[i].Run.WorkflowID, "")
		taken, err := db.TakePlace(t.Context(), &claims[i], "")
		require.NoError(t, err)
		require.Equal(t, i == 0, taken)
	}
	require.True(t, strings.HasPrefix(u.must("run list"), id+"\tone\t1\tqueued (blocked)\t"))
	require.Regexp(t, "waiting for\\s+a place of its workflow's concurrency\n", u.must("run show "+id))
	require.Contains(t, u.must("run show -o json "+id), `"blocked": true`)
	require.Regexp(t, "ready runs\\s+0\nblocked runs\\s+1 wait for a place of their workflow's concurrency\n", u.must("status"))
}
