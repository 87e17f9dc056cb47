package api

import (
	"context"

	"github.com/profullstack/meshhook/internal/meshhook"
)

// listAudit shows the project's changes, whoever made them, by the API or a command.
func listAudit(ctx context.Context, c *call) (p page[meshhook.AuditEntry], err error) {
	s, err := c.span()
	if err != nil {
		return p, err
	}
	f := meshhook.AuditFilter{Actor: meshhook.Actor(c.query.Get("actor")), Action: c.query.Get("action"), Limit: s.most(), Before: s.before, Since: s.since}
	list, err := c.project.AuditLog(ctx, f)
	return newest(list, s.limit, func(e meshhook.AuditEntry) meshhook.ID { return e.ID }), err
}
