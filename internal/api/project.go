package api

import (
	"context"
	"slices"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// A token is a project's. That there are other projects is seen, and they are made and
// deleted, by the default project's admins only: the owners of the installation.

// projects returns the projects that the caller may see, and whether it is an owner.
func (c *call) projects(ctx context.Context) (list []meshhook.Project, owner bool, err error) {
	list, err = c.Store.Projects(ctx)
	own := slices.IndexFunc(list, func(p meshhook.Project) bool { return p.ID == c.token.ProjectID })
	if err != nil || own < 0 {
		return nil, false, err
	}
	if list[own].Name == meshhook.DefaultProject {
		return list, true, nil
	}
	return list[own : own+1], false, nil
}

// listProjects shows the others their own project only: that a customer is there is
// already more than another one should hear.
func listProjects(ctx context.Context, c *call) (page[meshhook.Project], error) {
	list, _, err := c.projects(ctx)
	if err != nil {
		return page[meshhook.Project]{}, err
	}
	return paged(c, list, func(p meshhook.Project) string { return p.Name })
}

// projectBody is a new project.
type projectBody struct {
	Name string `json:"name"`
}

// createProject makes a project without a token; the owner of the machine makes the
// first one with the command.
func createProject(ctx context.Context, c *call, body *projectBody) (meshhook.Project, error) {
	_, owner, err := c.projects(ctx)
	if err != nil {
		return meshhook.Project{}, err
	}
	if !owner {
		return meshhook.Project{}, meshhook.Errorf(meshhook.CodeForbidden, "only tokens of the project %s make projects", meshhook.DefaultProject)
	}
	return c.Store.CreateProject(ctx, body.Name, c.actor())
}

// deleteProject tells nobody but an owner whether there is such a project.
func deleteProject(ctx context.Context, c *call) (deleted, error) {
	list, owner, err := c.projects(ctx)
	if err != nil {
		return deleted{}, err
	}
	own := func(p meshhook.Project) bool { return p.Name == c.name() || p.ID.String() == c.name() }
	switch {
	case owner:
		_, err = c.Store.DeleteProject(ctx, c.name(), c.actor())
	case slices.ContainsFunc(list, own):
		err = meshhook.Errorf(meshhook.CodeForbidden, "only tokens of the project %s delete projects", meshhook.DefaultProject)
	default:
		err = meshhook.Errorf(meshhook.CodeNotFound, "there is no project %q", clip(c.name()))
	}
	return c.gone(err)
}
