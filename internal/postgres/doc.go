// Package postgres holds every SQL statement of the product, one file per noun,
// and satisfies the stores that the stages and faces declare.
//
// A method of DB works for the whole system and is for the stages; a method of
// Tenant works for one project, and row-level security holds it there. Each
// exported method is one transaction and one sentence of the domain. What a
// payload holds is sealed here on its way in and opened on its way out, so that
// no other package can forget to.
package postgres
