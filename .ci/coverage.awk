# Reads a Go coverage profile, prints the share of statements that were reached
# in each package and in all, and fails if the whole lies below the floor.
#
#   awk -v module=PATH -v floor=PERCENT -v without="FILE FILE…" -f coverage.awk PROFILE
#
# With -coverpkg a block stands in the profile once for each test binary; it is
# reached when one of them reached it.

BEGIN {
	n = split(without, list, " ")
	for (i = 1; i <= n; i++) excluded[list[i]] = 1
}

/^mode: / { next }

{
	file = $1
	sub(/:[^:]*$/, "", file)
	file = substr(file, length(module) + 2)
	if (file in excluded) next
	statements[$1] = $2
	if ($3 > 0) reached[$1] = 1
	package = file
	sub(/\/[^\/]*$/, "", package)
	home[$1] = package
}

END {
	for (block in statements) {
		all += statements[block]
		in_package[home[block]] += statements[block]
		if (block in reached) {
			hit += statements[block]
			hit_package[home[block]] += statements[block]
		}
	}
	if (all == 0) {
		print "the coverage profile is empty"
		exit 1
	}
	for (package in in_package)
		printf "  %5.1f%%  %6d  %s\n", 100 * hit_package[package] / in_package[package], in_package[package], package | "sort -k3"
	close("sort -k3")
	printf "  %5.1f%%  %6d  statements in all\n", 100 * hit / all, all
	if (100 * hit < floor * all) {
		printf "coverage is below %s%%\n", floor
		exit 1
	}
}
