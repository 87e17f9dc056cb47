-- +goose Up

-- A partition that is read by its own name goes by the policy of its table. Without one
-- it showed nothing, so that a dump by the role that owns it, which reads partitions by
-- name, had none of the rows, and said nothing.
-- +goose StatementBegin
DO $$
DECLARE part record;
BEGIN
	FOR part IN
		SELECT c.oid::regclass AS name FROM pg_inherits i
		  JOIN pg_class c ON c.oid = i.inhrelid
		  JOIN pg_class p ON p.oid = i.inhparent
		 WHERE p.relnamespace = current_schema()::regnamespace AND p.relkind = 'p' AND c.relkind = 'r'
		   AND p.relname IN ('events', 'runs', 'run_steps', 'journal', 'deliveries', 'alert_logs')
	LOOP
		EXECUTE format('CALL isolate(%L)', part.name);
	END LOOP;
END $$;
-- +goose StatementEnd
