package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/profullstack/meshhook/internal/pgtest"
)

// TestMain makes the test binary stand for meshhook in the scripts, so that what
// they run is what was built, and counts as covered.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"meshhook": main})
}

// TestScripts runs the users' sessions. testdata/README.md describes the verbs.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                verbs(),
		Setup:               setup,
	})
}

// verbs are those of testdata/README.md.
func verbs() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"api": apiVerb, "await": await, "capture": capture, "code": code, "daemon": daemonVerb, "page": pageVerb, "post": post, "private": private, "screen": screenVerb, "sink": sinkVerb,
	}
}

// scene is what a script has going; verbs find it by its key.
type scene struct {
	t       testing.TB
	mu      sync.Mutex
	daemons map[string]*process
	sinks   map[string]*sink
	reading *reading
}

type sceneKey struct{}

// setup gives a script a database and a home of its own.
func setup(env *testscript.Env) error {
	t, ok := env.T().(testing.TB)
	if !ok {
		return errors.New("testscript does not run below a test")
	}
	home := filepath.Join(env.WorkDir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	examples, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("HOME", home)
	env.Setenv("XDG_CONFIG_HOME", "")
	env.Setenv("XDG_DATA_HOME", "")
	env.Setenv("MESHHOOK_DATA_DIR", filepath.Join(env.WorkDir, "data"))
	env.Setenv("MESHHOOK_DATABASE_URL", pgtest.URL(t))
	env.Setenv("MESHHOOK_MASTER_KEY", pgtest.MasterKeyText)
	// Calls to the sinks of the scripts, which are on this machine.
	env.Setenv("MESHHOOK_NETWORK_ALLOW", "127.0.0.0/8")
	env.Setenv("TERM", "dumb")
	// What the commands cover goes where the test's own coverage goes.
	if dir := flag.Lookup("test.gocoverdir"); dir != nil && dir.Value.String() != "" {
		env.Setenv("GOCOVERDIR", dir.Value.String())
	}
	s := &scene{t: t, daemons: map[string]*process{}, sinks: map[string]*sink{}}
	env.Values[sceneKey{}] = s
	env.Defer(s.clear)
	return nil
}

func sceneOf(ts *testscript.TestScript) *scene {
	s, ok := ts.Value(sceneKey{}).(*scene)
	if !ok {
		ts.Fatalf("the script has no scene")
	}
	return s
}

// clear ends what a script left going.
func (s *scene) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.daemons {
		p.kill()
	}
	for _, k := range s.sinks {
		k.server.Close()
	}
}
