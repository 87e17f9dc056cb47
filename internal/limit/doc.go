// Package limit counts requests against rates, so that a limit holds over all
// daemons together and nobody gets twice its burst by waiting for the edge of a
// window.
//
// Two things have to hold for a request to be admitted. In the period that begins
// with a key's first request there are no more than its limit: of 100/minute exactly
// 100, however fast or slowly they come. And the generic cell rate algorithm (GCRA)
// admits it: of each key a moment is kept, at which its whole quota is there again; a
// request moves it on by one step, the period divided by the limit, and is refused
// where it would come to lie further ahead than the whole quota. So whoever has used
// the quota up at the end of one period does not get it again at once in the next.
//
// # Where it is counted
//
// A daemon that is the only one to take requests counts in memory; several count
// in one table of the database. Store changes over by itself, without forgiving a
// request or counting it twice:
//
//   - A daemon counts in memory only while it holds a lease that says "I am alone",
//     and the database grants it only to a daemon that has no other beside it. Both
//     are decided under one lock, so that of two daemons that start together, none
//     or one has it.
//   - A daemon that finds another one alone waits until that one has written its
//     counters into the table and given the lease up, which takes as long as the ring
//     of a bell. A request waits for that 300 ms at most, since its sender is owed an
//     answer; whatever comes after it, until more is known, is counted in the table.
//   - A daemon that becomes the only one takes the lease first and the table's
//     counters after it, and then counts on in memory from there.
//   - A daemon that stops writes its counters into the table.
//   - What a daemon knows of the others holds for a bounded time. One that was
//     stopped for longer, or cut off, asks before it counts on.
//
// What is not promised: the counters of a daemon that is killed while it is alone
// are lost with it, and a crash of the database server empties the table (it is
// unlogged); both forgive one period at most. A daemon that is alone and alive, but
// takes longer than those 300 ms to hand over, counts in its memory beside the
// others' table until it does, or until its lease is over, which is 5 s at most: in
// that time each of the two admits up to the limit, and what they have admitted
// counts from then on by the one who admitted more. While the database does not
// answer, each daemon counts for itself.
package limit
