-- +goose Up

-- An alert has a name, as workflows have: what a person calls it by. Those that are
-- there get the one that 'alerts create' would have given them.
ALTER TABLE alert_configs ADD COLUMN name text;

SELECT set_config('meshhook.system', 'on', true);
UPDATE alert_configs a SET name = named.base || CASE WHEN named.number = 1 THEN '' ELSE '-' || named.number END
  FROM (SELECT id, base, row_number() OVER (PARTITION BY project_id, base ORDER BY id) AS number
          FROM (SELECT c.id, c.project_id, left(coalesce(w.name, 'all'), 40) || '-' || c.conditions[1] AS base
                  FROM alert_configs c LEFT JOIN workflows w ON w.id = c.workflow_id) AS bases) AS named
 WHERE named.id = a.id;

ALTER TABLE alert_configs ALTER COLUMN name SET NOT NULL,
	ADD CONSTRAINT alert_configs_name_key UNIQUE (project_id, name);
