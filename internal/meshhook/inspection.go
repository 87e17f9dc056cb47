package meshhook

import "time"

// ServerFacts are what matters of a database server, for judging an installation.
type ServerFacts struct {
	// Version is as the server writes it, VersionNum as server_version_num.
	Version    string
	VersionNum int
	// Role is whom the connections work as.
	Role      string
	Superuser bool
	BypassRLS bool
	// MayCreate tells that the role may create tables in the schema that is used, and
	// Foreign names tables of MeshHook's there that it does not own.
	MayCreate bool
	Foreign   []string
	// The settings that decide what survives a crash, and whether writes are taken.
	Fsync, FullPageWrites, SynchronousCommit string
	ReadOnly                                 bool
	Autovacuum                               bool
	// MaxConnections is what the server takes, Reserved how many of these are for
	// superusers, and InUse how many there are now.
	MaxConnections, Reserved, InUse int
	// Secure tells that this connection is encrypted, Local that it does not leave the
	// machine.
	Secure, Local bool
	// DataDirectory is where the cluster lies, "" where the role may not know.
	DataDirectory string
	// Size is how many bytes the database takes.
	Size int64
}

// ClockFacts is how this machine's clock stands to the server's.
type ClockFacts struct {
	// Ahead is by how much it is ahead; negative when it is behind.
	Ahead time.Duration
	// Within is by how much that can be wrong: the way there and back.
	Within time.Duration
}

// PoolerFacts are what a connection pooler in between takes away.
type PoolerFacts struct {
	// Heard tells that a NOTIFY of one connection was heard by another that LISTENs.
	Heard bool
	// Prepared tells that a statement prepared on a connection could be executed on it.
	Prepared bool
	// Moved tells that one connection was served by several of the server's.
	Moved bool
}

// MigrationFacts are how the schema stands.
type MigrationFacts struct {
	// Pending are the numbers of migrations that this binary knows and the database
	// lacks, Unknown those that the database has and this binary does not know.
	Pending, Unknown []int64
}

// PartitionFacts are how the partitions stand.
type PartitionFacts struct {
	// Missing are those that rows of the next days need.
	Missing []string
	// Bare are those without the policy of their table, which an older daemon made: a dump
	// by a role that row-level security binds lacks their rows.
	Bare []string
	// Default estimates the rows in default partitions, by table.
	Default map[string]int64
}

// QueueFacts are what waits, over all projects.
type QueueFacts struct {
	ReadyRuns      int64
	OldestRun      *time.Time
	Deliveries     int64
	OldestDelivery *time.Time
	// Unheard counts the alerts about alerts that were given up in the last 24 hours.
	Unheard int64
	// OpenCircuits is how many hosts are not called.
	OpenCircuits int64
	// Unverified are the paths of enabled webhooks that verify nothing.
	Unverified []string
	// Now is the server's time.
	Now time.Time
}

// VacuumFacts are what keeps dead rows from being cleaned up.
type VacuumFacts struct {
	// Dead are the tables with the most dead rows.
	Dead []DeadRows
	// Holders are what holds vacuum back: transactions, prepared ones, replication slots.
	Holders []VacuumHolder
	// XIDAge is the age of the database's oldest transaction id, which must stay below
	// two billion.
	XIDAge int64
}

// DeadRows are those of one table.
type DeadRows struct {
	Table      string
	Live, Dead int64
}

// VacuumHolder is one that holds vacuum back.
type VacuumHolder struct {
	// Kind is transaction, prepared or slot; Name is its process id or its name.
	Kind, Name string
	// For is since how long, 0 where that is not known.
	For time.Duration
	// By says whose it is: user, application and state.
	By string
}
