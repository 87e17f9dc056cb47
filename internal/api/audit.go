package api

import (
	"context"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// listAudit shows the project's changes, whoever made them, by the API or a command.
func listAudit(ctx context.Context, c *call) (p page[meshhook.AuditEntry], err error) {
	f := meshhook.AuditFilter{Actor: meshhook.Actor(c.query.Get("actor")), Action: c.query.Get("action")}
	limit, err := c.limit()
	if err != nil {
		return p, err
	}
	f.Limit = limit + 1 // one more tells that there is a next page
	if f.Before, err = c.before(); err != nil {
		return p, err
	}
	if f.Since, err = c.moment("since"); err != nil {
		return p, err
	}
	list, err := c.project.AuditLog(ctx, f)
	return newest(list, limit, func(e meshhook.AuditEntry) meshhook.ID { return e.ID }), err
}
