package engine

import (
	"context"
	"fmt"
	"sync"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/workflow"
)

// maxPrograms bounds the compiled versions that are kept.
const maxPrograms = 1000

// programs keeps compiled workflow versions. A version never changes, so an
// entry is never old.
type programs struct {
	store Store
	mu    sync.Mutex
	byID  map[versionID]*workflow.Program
}

type versionID struct {
	workflow meshhook.ID
	number   int
}

func newPrograms(store Store) *programs {
	return &programs{store: store, byID: map[versionID]*workflow.Program{}}
}

// get returns the program of a run's version. An error of CodeInvalid or
// CodeNotFound says that this version can never be executed.
func (p *programs) get(ctx context.Context, run *meshhook.Run) (*workflow.Program, error) {
	id := versionID{run.WorkflowID, run.Version}
	p.mu.Lock()
	program := p.byID[id]
	p.mu.Unlock()
	if program != nil {
		return program, nil
	}
	version, err := p.store.VersionOf(ctx, id.workflow, id.number)
	if err != nil {
		return nil, err
	}
	definition, err := workflow.Parse(fmt.Sprintf("%s version %d", run.Workflow, id.number), []byte(version.Source))
	if err != nil {
		return nil, err
	}
	if program, err = workflow.Compile(definition); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.byID) >= maxPrograms {
		clear(p.byID) // rare enough that compiling again costs nothing
	}
	p.byID[id] = program
	return program, nil
}

// vaults keeps projects' secrets until the configuration changes.
type vaults struct {
	store Store
	mu    sync.Mutex
	// age tells a vault that was read before forget from one that was read after.
	age       int
	byProject map[meshhook.ID]map[string]meshhook.Secret
}

func newVaults(store Store) *vaults {
	return &vaults{store: store, byProject: map[meshhook.ID]map[string]meshhook.Secret{}}
}

func (v *vaults) get(ctx context.Context, project meshhook.ID) (map[string]meshhook.Secret, error) {
	v.mu.Lock()
	vault, age := v.byProject[project], v.age
	v.mu.Unlock()
	if vault != nil {
		return vault, nil
	}
	vault, err := v.store.SecretValues(ctx, project)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.age == age {
		v.byProject[project] = vault
	}
	return vault, nil
}

func (v *vaults) forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.age++
	clear(v.byProject)
}
