package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/profullstack/meshhook/internal/meshhook"
	"github.com/profullstack/meshhook/internal/spelling"
)

// meantTime bounds the search for the name that was meant.
const meantTime = time.Second

// listers are those of the nouns that have names.
var listers = map[string]lister{
	"webhook": webhookNames, "workflow": workflowNames, "secret": secretNames, "project": projectNames, "token": tokenNames, "alert": alertNames,
}

// meant says of an error about a name that is not there which one was probably meant.
func (s *session) meant(ctx context.Context, err error) error {
	missing, ok := errors.AsType[*meshhook.Error](err)
	if !ok || listers[missing.Noun] == nil || missing.Noun != "project" && s.project == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, meantTime)
	defer cancel()
	described, failed := listers[missing.Noun](ctx, s.db.DB, s.project)
	if failed != nil {
		return err // the first one tells more
	}
	var names []string
	for _, line := range described {
		name, _, _ := strings.Cut(line, "\t")
		names = append(names, name)
	}
	near := nearest(missing.Name, names)
	if near == "" {
		return err
	}
	better := *missing
	better.Message = fmt.Sprintf("there is no %s %q; did you mean %s?", missing.Noun, missing.Name, near)
	return &better
}

// minBegun is how many letters of a name must be written to be taken for its beginning.
const minBegun = 3

// nearest is the name that is most like the one that was written; "" where none is: a slip
// for every three letters, four at most. Capitals are no slips, and the beginning of a name
// is like it by one.
func nearest(wrong string, names []string) string {
	wrong = strings.ToLower(wrong)
	best, least := "", min((len(wrong)+1)/3, 4)
	for _, name := range names {
		d := spelling.Distance(wrong, strings.ToLower(name))
		if len(wrong) >= minBegun && strings.HasPrefix(strings.ToLower(name), wrong) {
			d = min(d, 1)
		}
		if d <= least {
			best, least = name, d-1 // the first of those that are equally near
		}
	}
	return best
}
